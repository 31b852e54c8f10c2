"""Sends requests to one api: with the key, retries and typed errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

import podium
from podium.backoff import backoff_s
from podium.client.connection_errors import in_words
from podium.client.jobs.configuration import Connection
from podium.client.jobs.failures import failure
from podium.errors import InvalidInput, PodiumError, Unavailable

_TRIES = 5
_REFUSED = frozenset({429, 503})
"""Nothing was begun: what is refused so may be sent again, whatever it is."""
_RETRYABLE = _REFUSED | {502, 504}
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
_ANSWER = aiohttp.ClientTimeout(total=60, sock_connect=10)
_BYTES = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer of the api."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def retry_after_s(self) -> float:
        """Seconds after which the api suggests to ask again; 0: it does not."""
        try:
            return min(_LONGEST_WAIT_S, max(0.0, float(self.headers.get("retry-after", 0))))
        except ValueError:  # the date form
            return _FIRST_WAIT_S


class Transport:
    """Sends requests to an api and to the signed addresses in its answers.

    Args:
        connection: Address and key; the key is sent to this address only.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.has_answered = False
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The session for signed addresses; created on first use in a running loop."""
        if self._session is None:
            agent = {"user-agent": f"podium/{podium.__version__}"}
            self._session = aiohttp.ClientSession(headers=agent, timeout=_BYTES, trust_env=True)
        return self._session

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(
        self,
        method: str,
        path: str,
        *,
        is_repeatable: bool,
        params: Sequence[tuple[str, str]] = (),
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        """Send a request; temporary failures are retried.

        Args:
            method: Method of HTTP.
            path: Path at the api.
            is_repeatable: Whether it may be repeated after a lost answer.
            params: Parameters of the query.
            json: The body; None: no body.
            headers: Headers in addition to the key's.

        Raises:
            ApiError: the api answers with an error.
            Unavailable: it does not answer.
        """
        request = {"params": list(params), "json": json, "headers": self._headers(headers)}
        error: PodiumError
        for failures in range(_TRIES):
            told_s = 0.0
            try:
                answer = await self._once(method, path, **request)
                if answer.status < 300:
                    return answer
                told_s = answer.retry_after_s
                error = failure(answer.status, answer.body, told_s, self.connection.endpoint_url)
                if answer.status not in (_RETRYABLE if is_repeatable else _REFUSED):
                    raise error
            except (TimeoutError, aiohttp.ClientError) as reason:
                error = self._lost(reason)
                if not is_repeatable or not self.has_answered:  # or a wrong address
                    raise error from None
            if failures + 1 < _TRIES:
                await asyncio.sleep(_pause_s(failures, told_s))
        raise error

    @asynccontextmanager
    async def stream(
        self, path: str, headers: Mapping[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer of the api that is read as it arrives.

        Raises:
            ApiError: the api answers with an error.
            Unavailable: the connection is lost.
        """
        url = f"{self.connection.endpoint_url}{path}"
        try:
            async with self.session.get(
                url, headers=self._headers(headers), allow_redirects=False
            ) as response:
                if response.status >= 300:
                    body = await response.read()
                    raise failure(response.status, body, 0.0, self.connection.endpoint_url)
                yield response
        except (TimeoutError, aiohttp.ClientError) as reason:
            raise self._lost(reason) from None

    async def _once(self, method: str, path: str, **request: Any) -> Answered:
        url = f"{self.connection.endpoint_url}{path}"
        async with self.session.request(
            method, url, timeout=_ANSWER, allow_redirects=False, **request
        ) as response:
            body = await response.read()
        self.has_answered = True
        return Answered(response.status, response.headers, body)

    def _headers(self, more: Mapping[str, str] | None) -> dict[str, str]:
        key = self.connection.api_key
        return {**({} if key is None else {"x-api-key": key}), **(more or {})}

    def _lost(self, reason: Exception) -> PodiumError:
        url = self.connection.endpoint_url
        if isinstance(reason, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
            return InvalidInput(f"{url} is not the address of an api", field="endpoint_url")
        if isinstance(reason, TimeoutError):
            return Unavailable(f"the api at {url} did not answer in time")
        return Unavailable(
            f"nothing answers at {url} ({in_words(reason)}): is the api running there? "
            "`podium up` starts one here, `podium configure` says where to look"
        )


def _pause_s(failures: int, told_s: float) -> float:
    return told_s + backoff_s(
        failures, first_s=_FIRST_WAIT_S, longest_s=_LONGEST_WAIT_S, least_s=_FIRST_WAIT_S / 2
    )


async def patiently(send: Any, what: str) -> Any:
    """Call a function that uses a signed address; temporary failures are retried.

    Args:
        send: Sends the request and checks its status with ``checked``.
        what: The action, for messages.

    Raises:
        Forbidden, StageFailed: the address refuses the request, or has expired.
        Unavailable: it does not answer.
    """
    for failures in range(_TRIES):
        try:
            return await send()
        except (TimeoutError, aiohttp.ClientError) as reason:
            error: PodiumError = Unavailable(f"{what}: the connection was lost ({reason})")
        except Unavailable as reason:
            error = reason
        if failures + 1 < _TRIES:
            await asyncio.sleep(_pause_s(failures, 0.0))
    raise error
