"""Makes the JSON log lines of services readable."""

from __future__ import annotations

import json
from datetime import datetime

_KNOWN = ("time", "level", "service", "message", "request_id", "traceback")
_REQUEST = ("method", "path", "status", "duration_ms", "bytes_in", "bytes_out", "model")


def level_of(line: str) -> str:
    """The level of a log line; ``info`` if it is not in Podium's format."""
    return str(_parse(line).get("level", "info"))


def readable(line: str) -> str:
    """One log line as ``12:34:56 message key=value``; a line that is not JSON is not changed."""
    record = _parse(line)
    if "message" not in record:
        return line
    text, known = str(record["message"]), set(_KNOWN)
    if all(key in record for key in _REQUEST[:4]):
        text = " ".join(str(record[key]) for key in _REQUEST[:4]) + " ms"
        known |= set(_REQUEST)
    extra = [f"{key}={value}" for key, value in record.items() if key not in known]
    parts = [_clock(str(record.get("time", ""))), text, *extra]
    readable_line = " ".join(part for part in parts if part)
    traceback = record.get("traceback")
    return f"{readable_line}\n{traceback}" if traceback else readable_line


def _parse(line: str) -> dict[str, object]:
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _clock(time: str) -> str:
    try:
        return datetime.fromisoformat(time).astimezone().strftime("%H:%M:%S")
    except ValueError:
        return ""
