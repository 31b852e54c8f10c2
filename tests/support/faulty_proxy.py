"""An HTTP proxy in front of a real server that logs requests, cuts answers, and holds them."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_CHUNK_BYTES = 64 << 10


class FaultyProxy:
    """Forwards to ``backend``; only bodies of paths that end in ``suffix`` are tampered with.

    Attributes:
        log: Method, path and Range header of every request.
        cut_after: Bytes of a body after which the connection breaks, one entry per answer; when
            the list is used up, nothing breaks.
        on_chunk: Called before every chunk of a body with the bytes that have gone out.
        without_ranges: Whether Range headers are dropped, as old servers do.
    """

    def __init__(self, backend: str, suffix: str = ".onnx") -> None:
        self.log: list[tuple[str, str, str | None]] = []
        self.cut_after: list[int] = []
        self.on_chunk: Callable[[int], None] = lambda sent: None
        self.without_ranges = False
        proxy, address = self, urlsplit(backend).netloc

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                proxy._forward(self, address, suffix)

            def do_HEAD(self) -> None:
                proxy._forward(self, address, suffix)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> FaultyProxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def gets(self, suffix: str) -> list[str | None]:
        """The Range headers of the GETs of paths that end so."""
        return [r for method, path, r in self.log if method == "GET" and path.endswith(suffix)]

    def _forward(self, request: BaseHTTPRequestHandler, address: str, suffix: str) -> None:
        headers = dict(request.headers.items())
        if self.without_ranges:
            headers.pop("range", None)
            headers.pop("Range", None)
        self.log.append((request.command, request.path, request.headers.get("Range")))
        connection = http.client.HTTPConnection(address, timeout=30)
        try:
            connection.request(request.command, request.path, headers=headers)
            answer = connection.getresponse()
            request.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("connection", "server", "date"):
                    request.send_header(name, value)
            request.end_headers()
            tampered = request.command == "GET" and request.path.endswith(suffix)
            limit = self.cut_after.pop(0) if tampered and self.cut_after else None
            sent = 0
            while chunk := answer.read(_CHUNK_BYTES):
                if tampered:
                    self.on_chunk(sent)
                if limit is not None and sent + len(chunk) > limit:
                    request.wfile.write(chunk[: limit - sent])
                    request.wfile.flush()
                    request.connection.shutdown(socket.SHUT_RDWR)
                    request.close_connection = True
                    return
                request.wfile.write(chunk)
                sent += len(chunk)
        except OSError:  # the client has gone
            request.close_connection = True
        finally:
            connection.close()
