"""Parses untrusted JSON; estimates its size in memory first.

A few bytes may become many: ``{},`` is a dictionary of 64 bytes and a place in a list, and 64 kB of
gzip may hold twenty million of them. The estimate only counts characters, which is cheap.
"""

from __future__ import annotations

from typing import Any

import orjson

from podium.errors import InvalidInput, TooLarge

MAX_PARSED_BYTES = 128 << 20
"""Limit in memory: four million numbers. Making them keeps other threads waiting for 0.2 s."""
MAX_KEYS = 256
"""Limit of the keys in an object of parameters or options."""
LARGE_BYTES = 1 << 20
"""Smaller JSON takes at most 30 MB in memory and is parsed without an estimate."""

# Sizes in CPython 3.11, including the place in a list or dictionary.
_VALUE_BYTES = 32
_CONTAINER_BYTES = 72
_STRING_BYTES = 56
_ENTRY_BYTES = 64


def parsed_bytes(data: bytes | memoryview) -> int:
    """Upper bound of the bytes that JSON takes once parsed; 0 for JSON that is not large."""
    if len(data) <= LARGE_BYTES:
        return 0
    text = bytes(data)
    containers = text.count(b"[") + text.count(b"{")
    return (
        (text.count(b",") + containers) * _VALUE_BYTES
        + containers * _CONTAINER_BYTES
        + text.count(b'"') // 2 * _STRING_BYTES
        + text.count(b":") * _ENTRY_BYTES
    )


def read_json(data: bytes | memoryview, *, field: str = "body") -> Any:
    """Parse JSON.

    Raises:
        TooLarge: it would take more memory than is allowed.
        InvalidInput: it is not JSON.
    """
    if parsed_bytes(data) > MAX_PARSED_BYTES:
        raise TooLarge(
            "holds too many values to be parsed; send fewer, or tensors as binary data", field=field
        )
    try:
        return orjson.loads(data)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise InvalidInput(f"is not valid JSON ({error})", field=field) from None


def read_object(data: bytes | memoryview) -> dict[str, Any]:
    """Parse a JSON object. Raises TooLarge or InvalidInput."""
    decoded = read_json(data)
    if not isinstance(decoded, dict):
        raise InvalidInput("must be a JSON object", field="body")
    return decoded


def read_error(body: bytes) -> str:
    """The message of an error response of any shape."""
    try:
        decoded = read_json(body)
    except InvalidInput:
        decoded = None
    if isinstance(decoded, dict) and isinstance(decoded.get("error"), str):
        return str(decoded["error"])
    return bytes(body[:200]).decode("utf-8", "replace").strip() or "no message"


def check_keys(values: object, *, field: str) -> None:
    """Raise TooLarge for an object with more than ``MAX_KEYS`` keys."""
    if isinstance(values, dict) and len(values) > MAX_KEYS:
        raise TooLarge(f"has more than {MAX_KEYS} keys", field=field)
