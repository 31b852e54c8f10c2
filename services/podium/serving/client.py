"""Calls one service over the Open Inference Protocol, with binary tensors both ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson

from podium.errors import (
    BY_STATUS,
    DeadlineExceeded,
    NotFound,
    Overloaded,
    PodiumError,
    StageFailed,
    Unavailable,
)
from podium.serving.telemetry import REQUEST_ID, request_id
from podium.wire import (
    HEADER_LENGTH,
    InferResult,
    Parameter,
    Tensors,
    read_error,
    read_response,
    write_request,
)


class SessionPool:
    """The connections of one process to other services; open while entered.

    Idle connections are dropped well before a server closes them (``keep_alive_s`` of the
    service settings), so that no request is lost on a connection that is just being closed.
    """

    def __init__(self, *, keep_alive_s: float = 30, timeout_s: float = 120) -> None:
        self._keep_alive_s = keep_alive_s
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, connect=5)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> SessionPool:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=self._keep_alive_s),
            timeout=self._timeout,
            auto_decompress=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The open session. Raises Unavailable when the pool is closed."""
        if self._session is None:
            raise Unavailable("the service is shutting down")
        return self._session


class OipClient:
    """A client of one stage.

    Args:
        pool: Connections, shared by the stages.
        stage: Name that errors carry.
        url: Base URL of the service.
    """

    def __init__(self, pool: SessionPool, stage: str, url: str) -> None:
        self._pool = pool
        self.stage = stage
        self.url = url.rstrip("/")

    async def infer(
        self,
        model: str,
        inputs: Tensors,
        parameters: Mapping[str, Parameter] | None = None,
        *,
        address: str | None = None,
    ) -> InferResult:
        """Run a model.

        Args:
            model: ``name`` or ``name@version``.
            inputs: Named arrays.
            parameters: Request parameters.
            address: Base URL of the one replica that can answer, where that matters.

        Raises:
            PodiumError: what the stage answered, or Unavailable when it does not answer.
        """
        body = write_request(inputs, parameters)
        url = f"{address or self.url}{_model_path(model)}/infer"
        status, headers, data = await self._call("POST", url, body.data, body.headers)
        if status != 200:
            raise _error(self.stage, status, data, headers)
        return read_response(data, headers.get(HEADER_LENGTH))

    async def metadata(self, model: str) -> dict[str, Any]:
        """The metadata of a model. Raises NotFound or Unavailable."""
        url = f"{self.url}{_model_path(model)}"
        status, headers, data = await self._call("GET", url)
        if status != 200:
            raise _error(self.stage, status, data, headers)
        decoded = orjson.loads(data)
        if not isinstance(decoded, dict):
            raise StageFailed(f"{self.stage}: metadata of {model} is not an object")
        return decoded

    async def _call(
        self, method: str, url: str, data: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> tuple[int, Mapping[str, str], bytes]:
        send = {**headers, "accept-encoding": "identity", REQUEST_ID: request_id.get()}
        try:
            async with self._pool.session.request(method, url, data=data, headers=send) as response:
                return response.status, response.headers, await response.read()
        except TimeoutError:
            raise DeadlineExceeded(f"{self.stage}: no answer in time") from None
        except aiohttp.ClientError as error:
            raise Unavailable(f"{self.stage}: does not answer ({type(error).__name__})") from None


def _model_path(model: str) -> str:
    name, _, version = model.partition("@")
    return f"/v2/models/{name}" + (f"/versions/{version}" if version else "")


def _error(stage: str, status: int, data: bytes, headers: Mapping[str, str]) -> PodiumError:
    message = read_error(data)
    kind = BY_STATUS.get(status, StageFailed)
    if kind is Overloaded:
        return Overloaded(message, retry_after_s=float(headers.get("retry-after", 1)))
    if kind is StageFailed or issubclass(kind, NotFound | Unavailable | DeadlineExceeded):
        return kind(f"{stage}: {message}")
    return kind(message)  # the caller's mistake: the stage has named the field
