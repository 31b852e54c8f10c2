"""Plain JSON calls of the Kubernetes API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

import aiohttp
import orjson
from aiohttp.http import HttpProcessingError  # for example: a line is too long

from podium.kubernetes.credentials import SERVICE_ACCOUNT, connect
from podium.kubernetes.errors import ApiError

Object = dict[str, Any]
"""A Kubernetes object as the API server writes it."""

_CALL_TIMEOUT_S = 10.0
_MAX_MESSAGE_CHARACTERS = 300


class KubernetesApi:
    """The API server of a cluster; connects at the first call.

    After a 401 or an untrusted certificate, the credentials are read again.

    The models of the client library are not used: custom resources have none, and only a few
    fields of other objects are needed.

    Args:
        namespace: Namespace of the objects; None: that of the credentials.
        service_account: Folder of the credentials inside a cluster; see ``credentials.connect``.
    """

    def __init__(
        self, namespace: str | None = None, service_account: Path = SERVICE_ACCOUNT
    ) -> None:
        self._namespace = namespace
        self._service_account = service_account
        self._client: Any = None  # kubernetes.aio.client.ApiClient
        self._connecting = asyncio.Lock()

    async def __aenter__(self) -> KubernetesApi:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._disconnect()

    async def namespace(self) -> str:
        """The namespace of the objects. Raises ApiError."""
        if self._namespace is None:
            await self._connected()
        return self._namespace or "default"

    async def call(
        self,
        method: Literal["GET", "POST", "PUT", "PATCH"],
        path: str,
        body: Object | None = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Object:
        """Make one call and read its answer. Raises ApiError."""
        limits = aiohttp.ClientTimeout(total=_CALL_TIMEOUT_S)
        response = await self._send(method, path, query, limits, body, content_type=content_type)
        async with response:
            try:
                data = await response.read()
            except (aiohttp.ClientError, TimeoutError) as error:
                raise ApiError(f"the answer ended early ({_name(error)})") from None
        return _decode(data)

    @asynccontextmanager
    async def stream(
        self, path: str, query: Mapping[str, str], *, idle_s: float
    ) -> AsyncIterator[AsyncIterator[Object]]:
        """Open a stream of JSON lines; the end of the block closes it.

        Args:
            path: Path of the collection.
            query: Query of the request.
            idle_s: After a longer silence the connection counts as lost.

        Raises:
            ApiError: the request is refused; while reading: the connection is lost.
        """
        limits = aiohttp.ClientTimeout(total=None, connect=_CALL_TIMEOUT_S, sock_read=idle_s)
        async with await self._send("GET", path, query, limits) as response:
            yield _lines(response, idle_s)

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        limits: aiohttp.ClientTimeout,
        body: Object | None = None,
        *,
        content_type: str = "application/json",
    ) -> aiohttp.ClientResponse:
        """Send a request; returns the response with an unread body. Raises ApiError."""
        client = await self._connected()
        try:
            request = await client.param_serialize(
                method,
                f"{path}?{urlencode(query)}" if query else path,
                header_params={"Accept": "application/json", "Content-Type": content_type},
                body=body,
                auth_settings=["BearerToken"],
            )
        except Exception as error:  # the library may read the token again
            raise ApiError(f"the credentials cannot be read: {error}") from None
        try:
            answer = await client.call_api(*request, _request_timeout=limits)
        except (aiohttp.ClientError, TimeoutError, OSError, RuntimeError) as error:
            if isinstance(error, aiohttp.ClientSSLError):
                await self._disconnect()  # the certificate authority may have changed, too
            raise ApiError(f"the API server does not answer ({_name(error)})") from None
        response: aiohttp.ClientResponse = answer.response
        if response.status < 300:
            return response
        async with response:
            try:
                message = _message(await response.read())
            except (aiohttp.ClientError, TimeoutError):
                message = ""
        if response.status == 401:
            await self._disconnect()
        wait = response.headers.get("retry-after", "")
        raise ApiError(
            f"{response.status} {message or response.reason}",
            response.status,
            retry_after_s=float(wait) if wait.isdecimal() else None,
        )

    async def _connected(self) -> Any:
        async with self._connecting:
            if self._client is None:
                self._client, namespace = await connect(self._service_account)
                self._namespace = self._namespace or namespace
            return self._client

    async def _disconnect(self) -> None:
        connected, self._client = self._client, None
        if connected is not None:
            await connected.close()


async def _lines(response: aiohttp.ClientResponse, idle_s: float) -> AsyncIterator[Object]:
    try:
        async for line in response.content:
            yield _decode(line)
    except TimeoutError:
        raise ApiError(f"silent for {idle_s:g} s") from None
    except (aiohttp.ClientError, HttpProcessingError, ValueError) as error:
        raise ApiError(f"the connection is lost ({_name(error)})") from None


def _decode(data: bytes) -> Object:
    try:
        decoded = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise ApiError("the answer is not JSON") from None
    if not isinstance(decoded, dict):
        raise ApiError("the answer is not an object")
    return decoded


def _message(data: bytes) -> str:
    """The message of a ``Status``; empty if a proxy answered."""
    try:
        return str(orjson.loads(data)["message"])[:_MAX_MESSAGE_CHARACTERS]
    except (ValueError, KeyError, TypeError):
        return ""


def _name(error: Exception) -> str:
    return type(error).__name__
