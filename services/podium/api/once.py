"""``Idempotency-Key``: a repeated request has one effect and gets the first answer again.

Source: draft-ietf-httpapi-idempotency-key-header-06.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import Depends, Header, Request
from sqlalchemy.orm import Session

from podium.api.caller import Caller
from podium.errors import PodiumError
from podium.jobs.sql import idempotency
from podium.jobs.sql.idempotency import Answer

REPLAYED = "idempotency-replayed"


@dataclass(frozen=True, slots=True)
class Once:
    """A request and its idempotency key, if it has one."""

    key: str | None
    print_of: str

    def write(self, caller: Caller, make: Callable[[Session], Answer]) -> tuple[Answer, bool]:
        """Do the work and store its answer in one transaction.

        Returns:
            The answer, and whether it is that of an earlier request.

        Raises:
            InvalidInput, Unprocessable, Conflict: because of the key; see ``idempotency.begin``.
            PodiumError: what ``make`` raises.
        """
        key = self.key
        if key is None:
            return caller.write(make), False

        def both(session: Session) -> Answer:
            answer = make(session)
            idempotency.finish(session, key, answer)
            return answer

        return self._begun(caller, key, lambda: caller.write(both))

    def call(self, caller: Caller, make: Callable[[], Answer]) -> tuple[Answer, bool]:
        """Like ``write``, for work that takes several transactions."""
        key = self.key
        if key is None:
            return make(), False

        def both() -> Answer:
            answer = make()
            caller.write(partial(idempotency.finish, key=key, answer=answer))
            return answer

        return self._begun(caller, key, both)

    def _begun(self, caller: Caller, key: str, make: Callable[[], Answer]) -> tuple[Answer, bool]:
        env = caller.env
        kept = idempotency.begin(
            env.database,
            caller.principal,
            key,
            self.print_of,
            keep_s=env.timing.idempotency_s,
            now=env.now(),
        )
        if kept is not None:
            return kept, True
        try:
            return make(), False
        except BaseException:
            with suppress(PodiumError):  # else it may be used again in two minutes
                caller.write(partial(idempotency.forget, key=key))
            raise


async def _once(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            description="Up to 200 characters of your choice. The same request with the same key "
            "is done once; its answer is kept for 24 hours."
        ),
    ] = None,
) -> Once:
    path = f"{request.url.path}?{request.url.query}"
    body = await request.body()
    return Once(idempotency_key, idempotency.fingerprint(request.method, path, body))


Repeatable = Annotated[Once, Depends(_once)]


def replay_headers(replayed: bool) -> dict[str, str]:
    """The header that marks the answer of an earlier request."""
    return {REPLAYED: "true"} if replayed else {}
