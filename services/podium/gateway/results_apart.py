"""Takes the frame results out of a request, which passes them on as they are.

Nothing but the stage needs to know what is in them, and their objects would take sixteen times the
memory of their text.
"""

from __future__ import annotations

import msgspec
import numpy as np

from podium.errors import InvalidInput


class _Request(msgspec.Struct):
    """Finds ``results`` and reads nothing else."""

    results: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_REQUEST = msgspec.json.Decoder(_Request)


def cut_results(body: bytes) -> tuple[bytes, bytes]:
    """The body with an empty list of results, and the list that was there.

    A body whose ``results`` are no list comes back as it is, with ``[]``.

    Raises:
        InvalidInput: the body is no JSON object.
    """
    try:
        raw = _REQUEST.decode(body).results
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"is not valid JSON ({error})", field="body") from None
    if raw is msgspec.UNSET or not (results := bytes(raw)).startswith(b"["):
        return body, b"[]"
    start = _address(memoryview(raw)) - _address(memoryview(body))
    return body[:start] + b"[]" + body[start + len(results) :], results


def _address(view: memoryview) -> int:
    return int(np.frombuffer(view, np.uint8).ctypes.data)
