"""``Idempotency-Key``: a request that is sent twice is done once, and answered alike.

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
    """A request and the key that its sender gave it, if any."""

    key: str | None
    print_of: str

    def write(self, caller: Caller, make: Callable[[Session], Answer]) -> tuple[Answer, bool]:
        """Make something in one transaction, together with the answer that is kept.

        Returns:
            The answer, and whether it is one from before.

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
        """As ``write``, for what takes several transactions."""
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
    """Says that an answer is one from before."""
    return {REPLAYED: "true"} if replayed else {}
