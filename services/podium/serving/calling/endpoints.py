"""Where the replicas of a service are: one interface for lists, DNS and EndpointSlices."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Protocol
from urllib.parse import urlsplit

from podium.errors import SetupError

_log = logging.getLogger("podium.endpoints")


class Endpoints(Protocol):
    """The addresses of the replicas of one service; they may change at any time."""

    def addresses(self) -> Sequence[str]:
        """Base URLs, without a slash at the end."""
        ...

    async def watch(self) -> None:
        """Keep ``addresses`` up to date until cancelled."""
        ...


class StaticEndpoints:
    """A fixed list."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = tuple(url.rstrip("/") for url in urls)

    def addresses(self) -> Sequence[str]:
        return self._urls

    async def watch(self) -> None:
        await asyncio.Event().wait()


class DnsEndpoints:
    """Every address that a name resolves to, such as the pods behind a headless Service.

    While the name does not resolve, the last known addresses stay.
    """

    def __init__(self, host: str, port: int, *, refresh_s: float = 2.0) -> None:
        self._host = host
        self._port = port
        self.refresh_s = refresh_s
        self._urls: tuple[str, ...] = ()

    def addresses(self) -> Sequence[str]:
        return self._urls

    async def watch(self) -> None:
        while True:
            await self.resolve()
            await asyncio.sleep(self.refresh_s)

    async def resolve(self) -> None:
        """Ask once."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                self._host, self._port, type=socket.SOCK_STREAM
            )
        except OSError as error:
            _log.warning("%s does not resolve (%s); keeping what is known", self._host, error)
            return
        hosts = sorted({str(address[4][0]) for address in found})
        self._urls = tuple(base_url(host, self._port) for host in hosts)


def base_url(host: str, port: int) -> str:
    """The base URL of a replica at an address, IPv6 or other."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def read_endpoints(
    value: str, *, setting: str, pods: Callable[[str, int], Endpoints] | None = None
) -> Endpoints:
    """Read a setting that says where a service is.

    Args:
        value: ``http://host:port``, several of them separated by commas,
            ``dns://host:port`` for every address of a name, or ``kubernetes://service:port`` for
            the pods of a Service.
        setting: Name of the setting, for the error.
        pods: Makes the endpoints of a Service and port; None: ``kubernetes://`` is refused.

    Raises:
        SetupError: the value has none of these forms.
    """
    urls = [url.strip() for url in value.split(",") if url.strip()]
    parts = [urlsplit(url) for url in urls]
    if len(parts) == 1 and parts[0].hostname and parts[0].port:
        if parts[0].scheme == "dns":
            return DnsEndpoints(parts[0].hostname, parts[0].port)
        if parts[0].scheme == "kubernetes" and pods is not None:
            return pods(parts[0].hostname, parts[0].port)
    if parts and all(p.scheme in ("http", "https") and p.hostname for p in parts):
        return StaticEndpoints(urls)
    raise SetupError(
        f"{setting}: {value!r} is neither http://host:port[,http://...] nor dns://host:port "
        "nor kubernetes://service:port"
    )
