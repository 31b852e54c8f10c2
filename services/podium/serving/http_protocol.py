"""uvicorn's HTTP protocol with a limit on what comes before the body."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 1 << 20
"""Request line and headers; the parser collects them in memory until they are complete."""


class BoundedHeadProtocol(HttpToolsProtocol):
    """Answers 400 and hangs up when the head of a request does not end in time."""

    _head_open = False
    _head_bytes = 0

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
