"""uvicorn's HTTP protocol, bounded, leaner, and frank about clients that have gone."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from podium.serving.disconnect import ON_DISCONNECT

MAX_HEAD_BYTES = 1 << 20
"""Request line and headers; the parser collects them in memory until they are complete."""


class ServiceProtocol(HttpToolsProtocol):
    """What uvicorn's protocol does, and three things more.

    It answers 400 and hangs up when the head of a request does not end in time, sends an answer
    with one system call, and tells the request in work that its client has gone: waiting for that
    in a task of its own costs every request more than it.
    """

    _head_open = False
    _head_bytes = 0

    def connection_made(  # type: ignore[override] # uvicorn's protocol narrows it, too
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(cast(asyncio.Transport, _JoiningTransport(transport, self.loop)))

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.cycle is not None and not self.cycle.response_complete:
            scope: MutableMapping[str, Any] = self.cycle.scope  # type: ignore[assignment] # typed without ours
            if ON_DISCONNECT in scope:
                scope[ON_DISCONNECT]()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._head_bytes = self._head_bytes + len(data) if self._head_open else 0
        if self._head_bytes > MAX_HEAD_BYTES:
            self._head_open = False
            self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        self._head_open = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_open = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if not self.pipeline:
            self.flow.resume_reading()  # a large body pauses it, and then no end would be seen


class _JoiningTransport:
    """Sends what is written in one turn of the event loop with one system call.

    uvicorn writes the head of an answer and its body one after the other; sent one by one, they
    wake the receiver twice.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
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
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._transport.writelines(waiting)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
