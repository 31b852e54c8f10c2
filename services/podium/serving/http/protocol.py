"""uvicorn's HTTP protocol, with limits for slow clients, headers and pipelining.

The version of uvicorn is pinned, because this overrides methods that are not part of its public
interface. The answer to a refused request never overtakes the answer to an earlier one.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import MutableMapping
from http import HTTPStatus
from typing import Any, Literal, NoReturn, cast

import httptools
import orjson
from uvicorn import Config
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from podium.serving.http.buffers import BodyBuffer, JoiningTransport
from podium.serving.http.disconnect import ON_DISCONNECT
from podium.serving.http.error_responses import error_body
from podium.serving.http.slow_clients import CLIENT, SlowClientLimit

MAX_HEAD_BYTES = 64 << 10
"""Limit of the request line and headers; also of a chunked body's framing and trailers."""
MAX_HEADERS = 128
MAX_PIPELINED = 16
"""Limit of the requests on one connection that wait for the answer to an earlier one."""
MAX_READ_BYTES = 256 << 10
"""Reading a body pauses when this much waits for its request: as much as uvloop reads at once.
With uvicorn's 64 kB, reading would pause and resume for every crop."""
_FRAMING_PER_BODY_BYTE = 8
"""A chunk of one byte has five bytes of framing."""

_DO_NOT_LINGER = struct.pack("ii", 1, 0)
_FRAMING_HEADERS = (b"content-length", b"transfer-encoding")

_log = logging.getLogger("podium.server")

_Wait = tuple[Literal["head", "body", "answer", ""], int]
"""What the connection waits for, and the number of the message; the number is 0 while sending and
when idle."""


class _Refused(Exception):
    """Raised in a callback of the parser, which then parses no more of the connection."""


class ServiceProtocol(HttpToolsProtocol):
    """uvicorn's protocol with limits.

    - A connection whose client sends its request or reads its answer too slowly is closed.
    - A request in work is told when its client disconnects: a task per request that waits for the
      disconnect would cost more than the notification.
    - Number and size of headers are limited; trailers are dropped.
    - Pipelined requests over a limit are dropped, and the connection is closed after the answers
      to the requests before them.
    - An ``Upgrade`` is ignored, as RFC 9110 section 7.8 allows: the request is read whole.

    Args:
        config: Configuration of the server.
        server_state: State of the server.
        app_state: State of the app.
        slow_client_limit: The minimum transfer rate of clients.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        slow_client_limit: SlowClientLimit = SlowClientLimit(),
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.slow_client_limit = slow_client_limit
        self.too_slow = False
        self._open: Literal["head", "body"] | None = None  # what comes next of a request
        self._head_bytes = 0
        self._body_bytes = 0
        self._received_before_body = 0
        self._received = 0
        self._message = 0
        self._ignores_upgrade = False
        self._resumes_body = False
        self._stopped = False
        self._refusal = HTTPStatus.BAD_REQUEST, "Invalid HTTP request received."
        self._running: RequestResponseCycle | None = None
        self._last_look: tuple[_Wait, int] = ("", 0), 0
        self._next_look: asyncio.TimerHandle | None = None

    def connection_made(  # type: ignore[override] # uvicorn's protocol narrows it, too
        self, transport: asyncio.Transport
    ) -> None:
        self._joining = JoiningTransport(transport, self.loop)
        super().connection_made(cast(asyncio.Transport, self._joining))
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self.pipeline.clear()
        if self._next_look is not None:
            self._next_look.cancel()
        running = self._running
        if running is not None and not running.response_complete:
            running.disconnected = True  # uvicorn tells the request that was read last
            running.message_event.set()
            scope: MutableMapping[str, Any] = running.scope  # type: ignore[assignment] # typed without ours
            if ON_DISCONNECT in scope:
                scope[ON_DISCONNECT]()

    # Reading

    def data_received(self, data: bytes) -> None:
        if self._stopped:
            return
        self._unset_keepalive_if_required()
        self._received += len(data)
        before = self._open, self._message
        try:
            self._parse(data)
            if self._open == "head" and before == (self._open, self._message):
                self._check_head(len(data))  # the middle of a header, which the parser buffers
            self._check_framing()
        except (httptools.HttpParserError, _Refused):
            self._stop()

    def _parse(self, data: bytes) -> None:
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]
                self._read_on_without_upgrade()
            else:
                return

    def _read_on_without_upgrade(self) -> None:
        """Give the rest of the request to a new parser: the old one thinks there is no body."""
        self._ignores_upgrade = False
        framing = [b"%s: %s" % header for header in self.headers if header[0] in _FRAMING_HEADERS]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
        self._resumes_body = True
        try:
            self.parser.feed_data(b"\r\n".join([b"POST / HTTP/1.1", *framing, b"", b""]))
        finally:
            self._resumes_body = False

    def on_message_begin(self) -> None:
        if self._resumes_body:
            return
        if len(self.pipeline) >= MAX_PIPELINED:
            self._refuse(HTTPStatus.TOO_MANY_REQUESTS, "too many pipelined requests")
        self._open = "head"
        self._message += 1
        self._head_bytes = 0
        self.too_slow = False
        super().on_message_begin()
        scope: MutableMapping[str, Any] = self.scope  # type: ignore[assignment] # typed without ours
        scope[CLIENT] = self

    def on_url(self, url: bytes) -> None:
        if not self._resumes_body:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._open != "head":
            return  # a trailer comes after the checks of the headers, so it is dropped
        if len(self.headers) >= MAX_HEADERS:
            self._refuse(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                f"the request has more than {MAX_HEADERS} headers",
            )
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._resumes_body:
            return
        self._head_bytes = len(self.url)
        self._check_head(sum(len(name) + len(value) for name, value in self.headers))
        self._open = "body"
        self._body_bytes = 0
        self._received_before_body = self._received
        self._ignores_upgrade = self.parser.should_upgrade()
        super().on_headers_complete()
        self.flow.resume_reading()  # paused behind a request in work, no disconnect would be seen

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self.cycle.response_complete:
            return
        if not self.cycle.body:
            self.cycle.body = BodyBuffer()  # type: ignore[assignment] # does what uvicorn does with it
        self.cycle.body += body
        if len(self.cycle.body) > MAX_READ_BYTES:
            self.flow.pause_reading()
        self.cycle.message_event.set()

    def on_message_complete(self) -> None:
        if self._ignores_upgrade:
            return
        self._open = None
        super().on_message_complete()
        if not self.pipeline:
            self.flow.resume_reading()  # a large body pauses it, and then no end would be seen

    def _check_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                f"the head of the request is over {MAX_HEAD_BYTES} bytes",
            )

    def _check_framing(self) -> None:
        """Limit the framing of a body: chunk sizes, chunk extensions, trailers."""
        framing = self._received - self._received_before_body - self._body_bytes
        allowed = MAX_HEAD_BYTES + _FRAMING_PER_BODY_BYTE * self._body_bytes
        if self._open == "body" and framing > allowed:
            self._refuse(HTTPStatus.BAD_REQUEST, "the body has more framing than content")

    def _refuse(self, status: HTTPStatus, message: str) -> NoReturn:
        self._refusal = status, message
        raise _Refused

    def _stop(self) -> None:
        """Read no more of this connection, and close it after the answers that are due."""
        status, message = self._refusal
        self._stopped = True
        running = self._running if self._running and not self._running.response_complete else None
        of_running = running is self.cycle and self._open == "body"
        if running is None or (of_running and not running.response_started):
            self._answer_and_close(status, message)
            return
        _log.info("a connection is closed after the answers that are due: %s", message)
        if self._open == "body" and self.pipeline:
            self.pipeline.popleft()  # the newest, whose body cannot be read
        self._open = None
        last = self.pipeline[0][0] if self.pipeline else running
        last.keep_alive = False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    # Slow clients

    def write_buffer_bytes(self) -> int:
        """Size of the write buffer when it is full; 0 while the client keeps up."""
        return self.transport.get_write_buffer_size() if self.flow.write_paused else 0

    def abort(self) -> None:
        """Close the connection and drop its write buffer."""
        _log.warning("%s:%d does not read its answer: closed", *(self.client or ("", 0)))
        # With time to linger, the system would keep what it has of the answer for minutes.
        self.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, _DO_NOT_LINGER
        )
        self.transport.abort()

    async def drain(self) -> None:
        """Wait until the write buffer is nearly empty, or the client has gone."""
        await self.flow.drain()

    def _look(self) -> None:
        """Compare the progress with a window ago; runs by timer, so requests cost nothing more."""
        waiting, moved = self._waits_for()
        waited, moved_before = self._last_look
        stalled = moved - moved_before < self.slow_client_limit.bytes
        if waiting == waited:
            match waiting[0]:
                case "answer" if stalled:
                    self.abort()
                case "head":
                    message = self.slow_client_limit.message
                    self._answer_and_close(HTTPStatus.REQUEST_TIMEOUT, message)
                case "body" if stalled:
                    self._give_up_body()
        self._last_look = waiting, moved
        self._next_look = self.loop.call_later(self.slow_client_limit.window_s, self._look)

    def _waits_for(self) -> tuple[_Wait, int]:
        """What the client has to do now and in which message, and the bytes transferred so far."""
        unsent = self.transport.get_write_buffer_size()
        if unsent:
            return ("answer", 0), self._joining.written - unsent
        if self.transport.is_closing() or self.flow.read_paused or self._stopped:
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
        else:  # the code that reads the body sends the answer
            self.too_slow = True
            self.cycle.message_event.set()

    def _answer_and_close(self, status: HTTPStatus, message: str) -> None:
        """Answer input that never became a request."""
        body = orjson.dumps(error_body(message))
        head = (
            f"HTTP/1.1 {status} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
