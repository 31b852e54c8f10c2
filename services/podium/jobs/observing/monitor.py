"""HTTP server of a controller for health and metrics."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

_TEXT = [("Content-Type", "text/plain; charset=utf-8")]


@contextmanager
def monitor(
    host: str, port: int, registry: CollectorRegistry, is_alive: Callable[[], bool]
) -> Iterator[int]:
    """Answer ``/v2/health/live``, ``/v2/health/ready`` and ``/metrics`` while the block runs.

    Args:
        host: Address to listen on.
        port: Port; 0: a free one.
        registry: The metrics.
        is_alive: Whether the controller still looks for work.

    Yields:
        The port.

    Raises:
        OSError: the port is taken.
    """
    metrics = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            exposition: Iterable[bytes] = metrics(environ, start)
            return exposition
        if path not in ("/v2/health/live", "/v2/health/ready"):
            start("404 Not Found", _TEXT)
            return [b"not found\n"]
        alive = is_alive()
        start("200 OK" if alive else "503 Service Unavailable", _TEXT)
        return [b"ok\n" if alive else b"the controller has stopped looking for work\n"]

    with make_server(host, port, answer, ThreadingWSGIServer, _QuietHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


class _QuietHandler(WSGIRequestHandler):
    timeout = 10  # for a client that sends nothing

    def log_message(self, format: str, *args: Any) -> None:
        del format, args
