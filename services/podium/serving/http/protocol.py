"""uvicorn's HTTP protocol, bounded, leaner, and frank about clients that have gone."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import MutableMapping
from http import HTTPStatus
from typing import Any, Literal, Self, cast

import orjson
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from podium.serving.http.disconnect import ON_DISCONNECT
from podium.serving.observing.client_pace import CLIENT, Pace

MAX_HEAD_BYTES = 1 << 20
"""Request line and headers; the parser collects them in memory until they are complete."""

MAX_READ_BYTES = 256 << 10
"""More of a body is not read until its request has taken this much: what uvloop reads at once.
With uvicorn's 64 kB reading would stop and go on again for every crop."""

_DO_NOT_LINGER = struct.pack("ii", 1, 0)

_log = logging.getLogger("podium.server")

_Wait = tuple[Literal["head", "body", "answer", ""], int]
"""For what of which message; of answers and of nothing, the number does not matter."""


class ServiceProtocol(HttpToolsProtocol):
    """What uvicorn's protocol does, and four things more.

    It hangs up on a client whose request has an endless head, or that sends its request or takes
    its answer too slowly; sends an answer with one system call; tells the request in work that its
    client has gone: waiting for that in a task of its own costs every request more than it; and
    tells how much of the answer that client has yet to take.

    Args:
        config: Of the server.
        server_state: Of the server.
        app_state: Of the app.
        pace: What clients have to keep up with.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        pace: Pace = Pace(),
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.pace = pace
        self.too_slow = False
        self._open: Literal["head", "body"] | None = None  # what comes next of a request
        self._head_bytes = 0
        self._received = 0
        self._message = 0
        self._last_look: tuple[_Wait, int] = ("", 0), 0
        self._next_look: asyncio.TimerHandle | None = None

    def connection_made(  # type: ignore[override] # uvicorn's protocol narrows it, too
        self, transport: asyncio.Transport
    ) -> None:
        self._joining = _JoiningTransport(transport, self.loop)
        super().connection_made(cast(asyncio.Transport, self._joining))
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        if self._next_look is not None:
            self._next_look.cancel()
        if self.cycle is not None and not self.cycle.response_complete:
            scope: MutableMapping[str, Any] = self.cycle.scope  # type: ignore[assignment] # typed without ours
            if ON_DISCONNECT in scope:
                scope[ON_DISCONNECT]()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._received += len(data)
        self._head_bytes = self._head_bytes + len(data) if self._open == "head" else 0
        if self._head_bytes > MAX_HEAD_BYTES:
            self._open = None
            self.send_400_response("the head of the request is too large")

    def on_message_begin(self) -> None:
        self._open = "head"
        self._message += 1
        self.too_slow = False
        super().on_message_begin()
        scope: MutableMapping[str, Any] = self.scope  # type: ignore[assignment] # typed without ours
        scope[CLIENT] = self

    def on_headers_complete(self) -> None:
        self._open = "body"
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self.cycle.response_complete:
            return
        if not self.cycle.body:
            self.cycle.body = _Body()  # type: ignore[assignment] # does what uvicorn does with it
        self.cycle.body += body
        if len(self.cycle.body) > MAX_READ_BYTES:
            self.flow.pause_reading()
        self.cycle.message_event.set()

    def on_message_complete(self) -> None:
        self._open = None
        super().on_message_complete()
        if not self.pipeline:
            self.flow.resume_reading()  # a large body pauses it, and then no end would be seen

    def send_400_response(self, msg: str) -> None:
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def untaken_bytes(self) -> int:
        """Bytes of answers that are held here until the client takes them."""
        return self.transport.get_write_buffer_size() if self.flow.write_paused else 0

    def hang_up(self) -> None:
        """Close the connection, and drop what the client has not taken."""
        _log.warning("%s:%d does not take its answer and is hung up on", *(self.client or ("", 0)))
        # With time to linger, the system would keep what it has of the answer for minutes.
        self.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, _DO_NOT_LINGER
        )
        self.transport.abort()

    async def has_taken(self) -> None:
        """Wait until the client has taken nearly all of them, or has gone."""
        await self.flow.drain()

    def _look(self) -> None:
        """Compare with a window ago; a look now and then costs requests nothing."""
        waiting, moved = self._waits_for()
        waited, moved_before = self._last_look
        stalled = moved - moved_before < self.pace.bytes
        if waiting == waited:
            match waiting[0]:
                case "answer" if stalled:
                    self.hang_up()
                case "head":
                    self._refuse(HTTPStatus.REQUEST_TIMEOUT, self.pace.message)
                case "body" if stalled:
                    self._give_up_body()
        self._last_look = waiting, moved
        self._next_look = self.loop.call_later(self.pace.window_s, self._look)

    def _waits_for(self) -> tuple[_Wait, int]:
        """What the client has to do now, and in which message; and bytes that it has moved."""
        unsent = self.transport.get_write_buffer_size()
        if unsent:
            return ("answer", 0), self._joining.written - unsent
        if self.transport.is_closing() or self.flow.read_paused:
            return ("", 0), 0
        working = self.cycle is not None and not self.cycle.response_complete
        if self._open == "body" and not (working and self.cycle.waiting_for_100_continue):
            return ("body", self._message), self._received
        idle = working or self.timeout_keep_alive_task is not None
        if self._open == "head" or (self._open is None and not idle):
            return ("head", self._message), self._received
        return ("", 0), 0

    def _give_up_body(self) -> None:
        if self.cycle.response_complete:  # refused long ago
            self.transport.close()
        else:  # whoever waits for the body answers
            self.too_slow = True
            self.cycle.message_event.set()

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        """Answer what never became a request, and hang up."""
        body = orjson.dumps({"error": message})
        head = (
            f"HTTP/1.1 {status} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


class _Body:
    """What has come of a body; uvicorn's bytearray would copy it twice."""

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


class _JoiningTransport:
    """Sends what is written in one turn of the event loop with one system call.

    uvicorn writes the head of an answer and its body one after the other; sent one by one, they
    wake the receiver twice.
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
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self.written += sum(map(len, waiting))
            self._transport.writelines(waiting)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
