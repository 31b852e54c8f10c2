"""Clients that send a byte per second, and clients that never read: bare sockets, many at once."""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

BYTE_EVERY_S = 1.0
_RECEIVE_BUFFER_BYTES = 4096
_SEGMENT_BYTES = 536
"""Small segments: the system's own buffers grow with them, and would hide who does not read."""


def head(method: str, path: str, **headers: object) -> bytes:
    """Head of a request; underscores of header names stand for hyphens."""
    lines = [f"{method} {path} HTTP/1.1", "host: podium"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


@dataclass(frozen=True)
class Hangup:
    """What a client saw of its connection until it was closed."""

    answer: bytes
    seconds: float

    @property
    def status(self) -> int:
        """Status of the answer; 0: there was none."""
        return int(self.answer.split(b" ", 2)[1]) if self.answer else 0


async def dribble(url: str, first: bytes, rest: bytes, every_s: float = BYTE_EVERY_S) -> Hangup:
    """Send ``first`` at once and ``rest`` byte by byte, until the other side hangs up."""
    address = urlsplit(url)
    clock = asyncio.get_running_loop().time
    began = clock()
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    answer = asyncio.create_task(_read_all(reader))
    try:
        writer.write(first)
        for byte in rest:
            done, _ = await asyncio.wait([answer], timeout=every_s)
            if done:
                break
            writer.write(bytes([byte]))
        return Hangup(await answer, clock() - began)
    finally:
        answer.cancel()
        writer.transport.abort()


async def _read_all(reader: asyncio.StreamReader) -> bytes:
    read = b""
    with suppress(ConnectionError):
        while more := await reader.read(1 << 16):
            read += more
    return read


@dataclass
class Dribblers:
    """As many clients as there are first and last parts, each again when it is hung up on."""

    url: str
    parts: list[tuple[bytes, bytes]]
    hangups: list[Hangup] = field(default_factory=list)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Let them dribble during the block."""
        tasks = [asyncio.create_task(self._again(*parts)) for parts in self.parts]
        await asyncio.sleep(0.1)
        yield
        failures = [task.exception() for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert failures == []

    async def _again(self, first: bytes, rest: bytes) -> None:
        while True:
            self.hangups.append(await dribble(self.url, first, rest))


class NeverReader:
    """Sends a request and never reads a byte of the answer."""

    def __init__(self, url: str, request: bytes) -> None:
        address = urlsplit(url)
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SEGMENT_BYTES)
        self._socket.connect((address.hostname, address.port))
        self._socket.sendall(request)
        self._poll = select.poll()
        self._poll.register(self._socket, 0)  # errors and hang-ups are always told

    @property
    def hung_up_on(self) -> bool:
        """Whether the other side has dropped the connection."""
        return bool(self._poll.poll(0))

    def close(self) -> None:
        """Leave."""
        self._socket.close()
