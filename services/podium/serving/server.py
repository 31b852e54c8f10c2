"""Runs one service: uvicorn with uvloop and httptools, JSON logs, long keep-alive."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import uvicorn
from fastapi import FastAPI

from podium.serving.settings import ServiceSettings
from podium.serving.telemetry import configure_logging

S = TypeVar("S", bound=ServiceSettings)


def serve(service: str, create_app: Callable[[S], FastAPI], settings: S) -> None:
    """Serve until SIGINT or SIGTERM; requests in flight are finished first."""
    configure_logging(service, settings.log_level)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=settings.keep_alive_s,
    )
