"""A service on a thread of the test's own process, behind a real socket."""

from __future__ import annotations

import functools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from podium.serving.http.protocol import ServiceProtocol
from podium.serving.http.slow_clients import SlowClientLimit


@contextmanager
def serving(
    app: FastAPI,
    limit: SlowClientLimit = SlowClientLimit(),
    port: int = 0,
    patience_s: float = 10.0,
) -> Iterator[str]:
    """Serve an app while the block runs; gives its base URL.

    At the end it waits as long as ``patience_s`` for requests in work, then drops them.
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        protocol = functools.partial(ServiceProtocol, slow_client_limit=limit)
        config = uvicorn.Config(app, http=protocol, log_config=None, access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(patience_s)
            server.force_exit = True
            thread.join(10)
