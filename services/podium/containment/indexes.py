"""The index of a video as arrays and parameters, and back."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from podium.containment.messages import Message
from podium.errors import InvalidInput
from podium.media.video_index import VideoIndex

_TEXTS = ("pixel_aspect", "time_base", "nominal_rate")
_NUMBERS: dict[str, type] = {
    "width": int,
    "height": int,
    "fps": float,
    "missing": int,
    "capture_fps": float,
    "complete": bool,
    "skips": bool,
    "is_gradual": bool,
    "is_420": bool,
}
_ARRAYS = ("ids", "seek_time", "is_key", "ordinal", "packet", "time_s")
_DTYPES = (np.int64, np.int64, np.bool_, np.int64, np.int64, np.float64)


def index_to_message(index: VideoIndex) -> Message:
    """An index to send."""
    return Message(
        {
            **{name: str(getattr(index, name)) for name in _TEXTS},
            **{name: getattr(index, name) for name in _NUMBERS},
            "notes": "\n".join(index.notes),
        },
        {
            **{
                name: np.asarray(getattr(index, name), dtype)
                for name, dtype in zip(_ARRAYS, _DTYPES, strict=True)
            },
            "damaged": np.array(sorted(index.damaged), np.int64),
            "header": np.frombuffer(index.header, np.uint8),
        },
    )


def index_of_message(message: Message) -> VideoIndex:
    """The index in a message. Raises InvalidInput if there is no valid one in it."""
    try:
        values: dict[str, Any] = {
            **{name: Fraction(str(message.parameters[name])) for name in _TEXTS},
            **{name: kind(message.parameters[name]) for name, kind in _NUMBERS.items()},
            **{
                name: message.tensors[name].astype(dtype, copy=False)
                for name, dtype in zip(_ARRAYS, _DTYPES, strict=True)
            },
            "notes": tuple(str(message.parameters["notes"]).splitlines()),
            "damaged": frozenset(message.tensors["damaged"].tolist()),
            "header": message.tensors["header"].tobytes(),
        }
        index = VideoIndex(**values)
        packets, frames = len(index.ordinal), len(index.packet)
        fits = (
            index.ids.shape == (packets, 3)
            and index.seek_time.shape == index.is_key.shape == index.ordinal.shape == (packets,)
            and index.time_s.shape == index.packet.shape == (frames,)
            and frames
            and index.packet.min() >= 0
            and index.packet.max() < packets
        )
    except (KeyError, ValueError, TypeError, ZeroDivisionError) as error:
        raise InvalidInput(f"is no index: {error!r}", field="message") from None
    if not fits:
        raise InvalidInput("is an index whose parts do not fit", field="message")
    return index
