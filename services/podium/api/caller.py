"""Authentication: turns a key or a token into the principal of a request."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Annotated, TypeVar

import orjson
from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session

from podium.api.tokens import Tokens, is_token
from podium.errors import InvalidInput, Overloaded, Unauthorized, Unavailable
from podium.jobs.environment import Environment
from podium.jobs.principal import SYSTEM, Principal
from podium.jobs.sql import keys
from podium.jobs.sql.tenancy import ReadOnly
from podium.schemas.objects import Scope
from podium.serving.http.keys import TokenBucket, key_of
from podium.serving.observing.request_context import current_request

T = TypeVar("T")

_REMEMBERED_S = 1.0
"""How long a key is remembered; other replicas refuse a revoked key after this time."""
_NOTED_EVERY_S = 60.0
_MOST_REMEMBERED = 10_000
_FEW = 100
"""Rows that are read and shown in some milliseconds, for which other requests may wait."""


class Access:
    """Finds the principal of a key or a token, and limits its rate of requests.

    Args:
        env: Has the database with the keys.
        tokens: Verifies tokens of an issuer; None: only keys are accepted.
        requests_per_minute: Limit for each key or token at this replica.
    """

    def __init__(self, env: Environment, tokens: Tokens | None, requests_per_minute: int) -> None:
        self._env, self._tokens = env, tokens
        self._per_minute = requests_per_minute
        self._uses: dict[str, TokenBucket] = {}
        self._known: dict[str, tuple[float, Principal]] = {}
        self._noted: dict[str, float] = {}

    async def principal(self, secret: str) -> Principal:
        """The principal of a key or a token.

        Raises:
            Unauthorized: the key is missing, unknown, revoked or expired.
            Overloaded: it is used too often.
        """
        if not secret:
            raise Unauthorized("an API key is needed: send it as X-Api-Key, or as bearer token")
        key_hash, now = keys.hash_of(secret), time.monotonic()
        until, principal = self._known.get(key_hash, (0.0, SYSTEM))
        if until <= now:
            principal = await run_in_threadpool(self._look_up, secret, key_hash)
            if len(self._known) >= _MOST_REMEMBERED:
                self.forget()
            self._known[key_hash] = (now + _REMEMBERED_S, principal)
        self._count(key_hash)
        return principal

    def _count(self, key_hash: str) -> None:
        if key_hash not in self._uses:
            if len(self._uses) >= _MOST_REMEMBERED:
                del self._uses[next(iter(self._uses))]
            self._uses[key_hash] = TokenBucket(self._per_minute)
        uses = self._uses[key_hash]
        if wait_s := uses.wait_s(1):
            message = f"this key may ask {self._per_minute} times a minute"
            raise Overloaded(message, retry_after_s=wait_s)
        uses.take(1)

    def forget(self) -> None:
        """Forget all remembered keys, because one has been revoked."""
        self._known.clear()

    def _look_up(self, secret: str, key_hash: str) -> Principal:
        if self._tokens is not None and is_token(secret):
            return self._tokens.principal(secret)
        database, at = self._env.database, self._env.now()
        principal = database.read(SYSTEM, partial(keys.authenticate, secret=secret, now=at))
        if self._noted.get(key_hash, 0.0) < time.monotonic():
            self._noted = {k: v for k, v in self._noted.items() if v > time.monotonic()}
            self._noted[key_hash] = time.monotonic() + _NOTED_EVERY_S
            with suppress(Unavailable):  # when a key was used is not worth an answer
                database.write(SYSTEM, partial(keys.note_use, secret=secret, now=at))
        return principal


@dataclass(frozen=True, slots=True)
class Caller:
    """The principal of a request, with the environment."""

    env: Environment
    principal: Principal
    access: Access

    def read(self, work: Callable[[Session], T]) -> T:
        """Run a function that only reads rows of the principal."""
        return self.env.database.read(self.principal, work)

    def look(self, work: Callable[[ReadOnly], T]) -> T:
        """Run a function that only reads ``OwnedRows`` of the principal; cheaper than ``read``."""
        return self.env.database.look(self.principal, work)

    async def few(self, work: Callable[[ReadOnly], T]) -> T:
        """Like ``look``, for a few rows, from the event loop.

        From a file they are read in less time than it takes to have a thread do it.
        """
        if self.env.database.is_file:
            return self.look(work)
        return await run_in_threadpool(self.look, work)

    async def page(self, work: Callable[[ReadOnly], T], limit: int) -> T:
        """Like ``few``, for a page of at most ``limit`` rows; many are read in a thread."""
        return await (self.few(work) if limit <= _FEW else run_in_threadpool(self.look, work))

    def write(self, work: Callable[[Session], T]) -> T:
        """Run a function in one transaction of the principal."""
        return self.env.database.write(self.principal, work)


def _needs(scope: Scope) -> Callable[..., Awaitable[Caller]]:
    async def caller(request: Request) -> Caller:
        access: Access = request.app.state.access
        principal = await access.principal(key_of(dict(request.scope["headers"])).decode("latin-1"))
        principal.require(scope)
        current_request().api_key = _name(principal)
        await _require_json(request)
        return Caller(request.app.state.env, principal, access)

    return caller


def _name(principal: Principal) -> str:
    """For the log: whose key it was."""
    user = "" if principal.user_id is None else f"/user {principal.user_id}"
    return f"project {principal.project_id}{user}"


async def _require_json(request: Request) -> None:
    """Stricter than the framework: no NaN, no halves of characters, which no answer could hold."""
    body = await request.body()
    if body:
        try:
            orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise InvalidInput(f"is not JSON ({error})", field="body") from None


Reader = Annotated[Caller, Depends(_needs("jobs:read"))]
Writer = Annotated[Caller, Depends(_needs("jobs:write"))]
Admin = Annotated[Caller, Depends(_needs("admin"))]
