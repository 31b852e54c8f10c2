"""Plain JSON calls of the Kubernetes API, with the credentials of a pod or of ``KUBECONFIG``."""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

import aiohttp
import orjson
from aiohttp.http import HttpProcessingError  # for one: a line is too long

import podium
from podium.errors import PodiumError, SetupError

Object = dict[str, Any]
"""A Kubernetes object as the API server writes it."""

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where every pod finds its credentials."""

_CALL_TIMEOUT_S = 10.0
_MAX_MESSAGE_CHARACTERS = 300


class ApiError(PodiumError):
    """The API server refuses, or does not answer.

    Args:
        message: Why.
        code: The HTTP status; None: there was no answer.
        retry_after_s: When to try again, as the API server has it.
    """

    status = 503

    def __init__(
        self, message: str, code: int | None = None, *, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after_s = retry_after_s


class NoCluster(ApiError):
    """Neither a service account nor ``KUBECONFIG`` says where an API server is."""


class KubernetesApi:
    """The API server of one cluster; connects with the first call.

    ``KUBECONFIG`` comes first, so that a gateway can be developed outside the cluster; then the
    service account that a pod is given. Its token is read again every minute, because the kubelet
    replaces it. After a 401, or a certificate that is not trusted, all credentials are read again.

    The models of the client library are not used: custom resources have none, and of other objects
    a few fields are enough.

    Args:
        namespace: Where the objects are; None: that of the credentials.
        service_account: Folder with ``token``, ``ca.crt`` and ``namespace``.
    """

    def __init__(
        self, namespace: str | None = None, service_account: Path = SERVICE_ACCOUNT
    ) -> None:
        self._namespace = namespace
        self._service_account = service_account
        self._client: Any = None  # kubernetes.aio.client.ApiClient
        self._connecting = asyncio.Lock()

    @staticmethod
    def require(setting: str) -> None:
        """Load the client library, which ``setting`` needs, before there are requests to delay.

        Raises:
            SetupError: it is not installed.
        """
        try:
            _library()
        except ImportError:
            raise SetupError(
                f"{setting} needs the Kubernetes client: pip install 'podium[kubernetes]'"
            ) from None

    def require_cluster(self, setting: str) -> None:
        """Raise SetupError when nothing says where the API server is that ``setting`` needs."""
        self.require(setting)
        if not (os.environ.get("KUBECONFIG") or self._is_in_cluster()):
            raise SetupError(
                f"{setting} needs a cluster: there is no service account in "
                f"{self._service_account}, and KUBECONFIG is not set"
            )

    async def __aenter__(self) -> KubernetesApi:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._disconnect()

    async def namespace(self) -> str:
        """The namespace that objects are in. Raises ApiError."""
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
        """Open a stream of lines of JSON; it ends with the block.

        Args:
            path: Path of the collection.
            query: Query of the request.
            idle_s: Longest silence; then the connection is taken for lost.

        Raises:
            ApiError: refused; and while it is read: lost.
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
        """Send a request; gives the response, of which the body is unread. Raises ApiError."""
        client = await self._connected()
        try:
            request = await client.param_serialize(
                method,
                f"{path}?{urlencode(query)}" if query else path,
                header_params={"Accept": "application/json", "Content-Type": content_type},
                body=body,
                auth_settings=["BearerToken"],
            )
        except Exception as error:  # it reads the token again
            raise ApiError(f"the credentials cannot be read: {error}") from None
        try:
            answer = await client.call_api(*request, _request_timeout=limits)
        except (aiohttp.ClientError, TimeoutError, OSError, RuntimeError) as error:
            if isinstance(error, aiohttp.ClientSSLError):
                await self._disconnect()  # the authority may be a new one too
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
                self._client = await self._connect()
            return self._client

    async def _connect(self) -> Any:
        """A client with fresh credentials. Raises ApiError."""
        client, config = _library()
        configuration = client.Configuration()
        # Python 3.13 also refuses certificates of authorities, such as older clusters have, that
        # lack an extension. The chain is verified all the same.
        configuration.disable_strict_ssl_verification = True
        try:
            if kubeconfig := os.environ.get("KUBECONFIG"):
                await config.load_kube_config(
                    kubeconfig, client_configuration=configuration, persist_config=False
                )
                _, context = config.list_kube_config_contexts(kubeconfig)
                namespace = context["context"].get("namespace")
            elif self._is_in_cluster():
                folder = self._service_account
                config.incluster_config.InClusterConfigLoader(
                    token_filename=str(folder / "token"), cert_filename=str(folder / "ca.crt")
                ).load_and_set(configuration)
                namespace = (folder / "namespace").read_text().strip()
            else:
                raise NoCluster("there is no service account, and KUBECONFIG is not set")
            connected = client.ApiClient(configuration)
        except ApiError:
            raise
        except Exception as error:  # whatever the library makes of a damaged file
            raise ApiError(f"the credentials cannot be read: {error}") from None
        self._namespace = self._namespace or namespace
        connected.user_agent = f"podium/{podium.__version__}"
        return connected

    async def _disconnect(self) -> None:
        connected, self._client = self._client, None
        if connected is not None:
            await connected.close()

    def _is_in_cluster(self) -> bool:
        named = os.environ.get("KUBERNETES_SERVICE_HOST")
        return bool(named) and (self._service_account / "token").is_file()


def _library() -> tuple[Any, Any]:
    """Client and configuration; large, and partly without types."""
    modules = ("kubernetes.aio.client", "kubernetes.aio.config")
    client, config = (importlib.import_module(module) for module in modules)
    return client, config


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
    """What a ``Status`` says; nothing where a proxy answered."""
    try:
        return str(orjson.loads(data)["message"])[:_MAX_MESSAGE_CHARACTERS]
    except (ValueError, KeyError, TypeError):
        return ""


def _name(error: Exception) -> str:
    return type(error).__name__
