"""The index of a video as arrays and parameters, and back."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from podium.containment.messages import Message
from podium.errors import InvalidInput
from podium.media.video_index import VideoIndex
from podium.wire import Parameter

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

_MOST = 1 << 31
"""Numbers are less, as FFmpeg's."""


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
            **{name: _fraction(message.parameters[name]) for name in _TEXTS},
            **{name: _number(message.parameters[name], kind) for name, kind in _NUMBERS.items()},
            **{name: message.tensors[name] for name in _ARRAYS},
            "notes": tuple(str(message.parameters["notes"]).splitlines()),
            "damaged": frozenset(message.tensors["damaged"].tolist()),
            "header": message.tensors["header"].tobytes(),
        }
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise InvalidInput(f"is no index: {error!r}", field="message") from None
    has_types = all(
        message.tensors[name].dtype == dtype for name, dtype in zip(_ARRAYS, _DTYPES, strict=True)
    )
    index = VideoIndex(**values)
    if not has_types or not _has_shapes(index) or not _is_possible(index):
        raise InvalidInput("is an index whose parts do not fit", field="message")
    return index


def _fraction(text: Parameter) -> Fraction:
    """A positive one, of 32 bits as FFmpeg's are. Raises ValueError."""
    over, under = (int(part) for part in f"{text}/1".split("/")[:2])
    if not (0 < over < _MOST and 0 < under < _MOST):
        raise ValueError(text)
    return Fraction(over, under)


def _number(value: Parameter, kind: type) -> Parameter:
    """It is not negative, nor too large for 32 bits. Raises ValueError."""
    kinds = {int, float} if kind is float else {kind}
    if type(value) not in kinds or not 0 <= float(value) < _MOST:
        raise ValueError(value)
    return value


def _has_shapes(index: VideoIndex) -> bool:
    packets, frames = index.ordinal.size, index.packet.size
    return (
        index.ids.shape == (packets, 3)
        and index.seek_time.shape == index.is_key.shape == index.ordinal.shape == (packets,)
        and index.time_s.shape == index.packet.shape == (frames,)
        and frames > 0
    )


def _is_possible(index: VideoIndex) -> bool:
    rises = index.time_s[0] == 0 and (np.diff(index.time_s) > 0).all()
    is_even = index.width % 2 == index.height % 2 == 0 and index.pixel_aspect == 1
    return bool(
        rises
        and np.isfinite(index.time_s[-1])
        and index.packet.min() >= 0
        and index.packet.max() < len(index.ordinal)
        and (is_even or not index.is_420)
    )
