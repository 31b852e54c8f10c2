"""Logs of a service: one line of JSON on stdout for each record."""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TextIO

import orjson

from podium.serving.observing.request_context import current_request

_MOMENT_S = 0.05


class JsonFormatter(logging.Formatter):
    """Formats a record, its ``extra={"fields": {...}}`` and the request's ids as one JSON line."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self.service,
            "message": record.getMessage(),
        }
        request = current_request()
        if request.request_id:
            line["request_id"] = request.request_id
        if request.trace_id:
            line["trace_id"] = request.trace_id
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


class BatchedHandler(logging.StreamHandler[TextIO]):
    """Writes the lines of one turn of the event loop together, to save system calls.

    Warnings and records from outside an event loop are written at once, after all waiting lines.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._waiting: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._waiting.append(self.format(record))
            if record.levelno >= logging.WARNING:
                self.flush()
            elif len(self._waiting) == 1:
                asyncio.get_running_loop().call_later(_MOMENT_S, self.flush)
        except RuntimeError:  # no event loop runs in this thread
            self.flush()
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        with self.lock or nullcontext():
            lines, self._waiting = self._waiting, []
            if lines:
                self.stream.write("\n".join([*lines, ""]))
            super().flush()


def configure_logging(service: str, level: str) -> None:
    """Send every log record of this process to stdout as JSON."""
    handler = BatchedHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("uvicorn.access").disabled = True  # the request line says more
    # The line does not show these, and they cost more than the rest of a record.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
