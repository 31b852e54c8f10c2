"""Every log record of a service is one line of JSON on stdout."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

import orjson

from podium.serving.request_context import current_request


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


def configure_logging(service: str, level: str) -> None:
    """Send every log record of this process to stdout as JSON."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("uvicorn.access").disabled = True  # the request line says more
    # The line has no place for these, and they cost more than the rest of a record.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
