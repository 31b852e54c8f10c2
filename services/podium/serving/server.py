"""Runs one service: uvicorn with uvloop and httptools, JSON logs, long keep-alive."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import TypeVar

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError

from podium.errors import SetupError
from podium.serving.settings import ServiceSettings
from podium.serving.telemetry import configure_logging

S = TypeVar("S", bound=ServiceSettings)


def serve(service: str, create_app: Callable[[S], FastAPI], settings_type: type[S]) -> None:
    """Serve until SIGINT or SIGTERM; requests in flight are finished first.

    A wrong setting or a missing model ends the process with one line in the log and status 1.
    """
    configure_logging(service, "info")
    try:
        settings = settings_type()
        configure_logging(service, settings.log_level)
        app = create_app(settings)
    except ValidationError as error:
        first = error.errors()[0]
        name = "PODIUM_" + "_".join(str(part) for part in first["loc"]).upper()
        logging.getLogger("podium.server").critical("%s: %s", name, first["msg"])
        sys.exit(1)
    except SetupError as error:
        logging.getLogger("podium.server").critical("%s", error.message)
        sys.exit(1)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=settings.keep_alive_s,
    )
