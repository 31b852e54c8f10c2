"""Buffers of a connection that do not copy bodies."""

from __future__ import annotations

import asyncio
from typing import Any, Self


class BodyBuffer:
    """The received parts of a body; uvicorn's ``bytearray`` would copy them twice."""

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def __iadd__(self, part: bytes) -> Self:
        self._parts.append(part)
        self._size += len(part)
        return self

    def __len__(self) -> int:
        return self._size

    def __bytes__(self) -> bytes:
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)


class JoiningTransport:
    """Sends everything written in one turn of the event loop with one system call.

    uvicorn writes the head and the body of an answer separately; sent separately, they would wake
    the receiver twice.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.written = 0
        self._transport = transport
        self._loop = loop
        self._waiting: list[bytes] = []

    def write(self, data: bytes) -> None:
        self._waiting.append(data)
        if len(self._waiting) == 1:
            self._loop.call_soon(self._flush)
        else:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting and not self._transport.is_closing():  # the client may have reset it
            self.written += sum(map(len, waiting))
            self._transport.writelines(waiting)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
