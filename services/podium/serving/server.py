"""Runs one service: uvicorn with uvloop and httptools, JSON logs, long keep-alive, drain."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import os
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeVar, cast

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError

from podium.environment import explain_settings
from podium.errors import PodiumError
from podium.open_files import allow_most_open_files
from podium.serving.http.admission import Admission
from podium.serving.http.protocol import ServiceProtocol
from podium.serving.http.scheduling import finish_before_others
from podium.serving.http.settings import ServiceSettings
from podium.serving.http.slow_clients import SlowClientLimit
from podium.serving.observing.logs import configure_logging
from podium.with_parent import WITH_PARENT, stop_with_parent

S = TypeVar("S", bound=ServiceSettings)

_GC_THRESHOLD = 20_000
"""High, because a request makes hundreds of objects, and reference counting frees nearly all."""

ABANDON_S = 3.0
"""How long threads may work after the last answer, such as on requests that were given up."""

_log = logging.getLogger("podium.server")


def serve(service: str, create_app: Callable[[S], FastAPI], settings_type: type[S]) -> None:
    """Serve until SIGINT or SIGTERM; requests in flight are finished first.

    A wrong setting or a missing model ends the process with one line in the log and status 1.
    """
    configure_logging(service, "info")
    finish_before_others()
    allow_most_open_files()
    if WITH_PARENT in sys.argv:
        stop_with_parent()
    try:
        settings = settings_type()
        configure_logging(service, settings.log_level)
        app = create_app(settings)
    except ValidationError as error:
        _log.critical("%s", explain_settings(error, settings_type))
        sys.exit(1)
    except PodiumError as error:
        _log.critical("%s", error.message)
        sys.exit(1)
    gc.collect()
    gc.freeze()  # the collector skips objects that live as long as the process
    gc.set_threshold(_GC_THRESHOLD)
    limit = SlowClientLimit(settings.slow_client_s, settings.slow_client_bytes_per_s)
    protocol = functools.partial(ServiceProtocol, slow_client_limit=limit)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=cast(type[asyncio.Protocol], protocol),
        ws="none",
        log_config=None,
        proxy_headers=False,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=settings.keep_alive_s,
    )
    DrainingServer(config, app.state.admission, settings.drain_s, _exit_soon).run()


class DrainingServer(uvicorn.Server):
    """Drains on the first signal and stops on the second.

    While draining, readiness and new requests get 503, so that callers use another replica.
    Requests in flight are finished; then the listener closes.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        admission: Admission,
        drain_s: float,
        on_drained: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(config)
        self._on_drained = on_drained
        self._admission = admission
        self._drain_s = drain_s
        self._draining: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._admission.draining:
            self.should_exit = self.force_exit = True
            return
        self._admission.draining = True
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(self._start_drain)

    def _start_drain(self) -> None:
        self._draining = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        _log.info("draining: %d requests in flight", self._admission.requests)
        try:
            await asyncio.wait_for(self._admission.idle.wait(), self._drain_s)
        except TimeoutError:
            _log.warning("stopping with %d requests in flight", self._admission.requests)
        self.should_exit = True
        self._on_drained()


def _exit_soon() -> None:
    """End the process soon even if threads still work; the interpreter would wait for them."""
    abandon = threading.Timer(ABANDON_S, _abandon_threads)
    abandon.daemon = True
    abandon.start()


def _abandon_threads() -> None:
    _log.warning("work that nobody waits for is abandoned")
    logging.shutdown()
    os._exit(0)
