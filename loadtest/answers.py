"""Checks answers: all frames are there, and the key points are at the athlete.

Each check returns the reason why an answer is wrong, or an empty string.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from podium.errors import PodiumError
from podium.lab.athlete.ground_truth import Floats, GroundTruth
from podium.lab.scores import LIMB_JOINTS, pck
from podium.skeletons import skeleton
from podium.wire import read_response

ALPHA = 0.2
"""A key point is right if its error is below this share of the larger side of the box."""

MIN_SHARE = 0.8
"""Share of the limb key points of an answer that must be right. The default models reach 0.9 on
single rendered frames; a wrong frame, person or coordinate frame gives less than a half."""

WRONG = "wrong key points"
MISSING = "frames are missing, or nobody is on them"
CUT_OFF = "the stream was cut off"
_MALFORMED = (PodiumError, LookupError, TypeError, ValueError, AttributeError)
"""Exceptions of the checks for malformed answers."""


@dataclass(frozen=True)
class Expected:
    """The content of a right answer.

    Attributes:
        frames: Indices of the frames, in order.
        limbs_px: [T, 12, 2] in the order of ``LIMB_JOINTS``.
        boxes_px: [T, 4].
    """

    frames: list[int]
    limbs_px: Floats
    boxes_px: Floats

    @classmethod
    def of_range(cls, truth: GroundTruth, start: int, count: int) -> Self:
        """Expect consecutive frames of a clip."""
        rows = slice(start, start + count)
        frames = list(range(start, start + count))
        return cls(frames, truth.limb_keypoints_px()[rows], truth.boxes_px[rows])

    @classmethod
    def of_picture(cls, truth: GroundTruth, index: int) -> Self:
        """Expect one frame of a clip, sent as a picture."""
        rows = slice(index, index + 1)
        return cls([0], truth.limb_keypoints_px()[rows], truth.boxes_px[rows])


def check_json(body: bytes, expected: Expected) -> str:
    """Check the answer of a pipeline as one JSON object."""
    try:
        answer = orjson.loads(body)
        return _check_frames(answer["frames"], answer["skeleton"], expected)
    except _MALFORMED as error:
        return _malformed(error)


def check_lines(lines: Sequence[bytes], expected: Expected) -> str:
    """Check the answer as lines: facts, frames, timing."""
    try:
        head, *frames, end = (orjson.loads(line) for line in lines)
        return _end_of(end) or _check_frames(frames, head["skeleton"], expected)
    except _MALFORMED as error:
        return _malformed(error)


def check_end(last_line: bytes) -> str:
    """Check only the last line: whether the stream is complete."""
    try:
        return _end_of(orjson.loads(last_line))
    except orjson.JSONDecodeError:
        return CUT_OFF
    except _MALFORMED as error:
        return _malformed(error)


def check_tensors(body: bytes, header_length: str | None, expected: Expected) -> str:
    """Check the answer as binary tensors."""
    try:
        result = read_response(body, header_length)
        out = result.outputs
        found = out["frame_index"][out["status"] == b"ok"].tolist()
        rows, first = np.unique(out["person_frame_index"], return_index=True)
        if found != rows.tolist():
            return MISSING
        name = str(result.parameters["skeleton"])
        return _judge(found, out["keypoints"][first], name, expected)
    except _MALFORMED as error:
        return _malformed(error)


def _malformed(error: Exception) -> str:
    return f"malformed answer ({type(error).__name__})"


def _end_of(line: dict[str, Any]) -> str:
    if "error" in line:
        return f"the stream ended with an error: {line['error']}"
    return "" if "timing_ms" in line else CUT_OFF


def _check_frames(frames: Sequence[dict[str, Any]], name: str, expected: Expected) -> str:
    good = [frame for frame in frames if frame["status"] == "ok"]
    keypoints = np.array([frame["persons"][0]["keypoints"] for frame in good])
    return _judge([frame["index"] for frame in good], keypoints, name, expected)


def _judge(
    frames: Sequence[int],
    keypoints: NDArray[Any],  # [T, J, 3], of the first person
    name: str,
    expected: Expected,
) -> str:
    if frames != expected.frames:
        return MISSING
    limbs = keypoints[:, _columns(name), :2]
    share = pck(limbs, expected.limbs_px, expected.boxes_px, ALPHA)
    return "" if share >= MIN_SHARE else WRONG


@cache
def _columns(name: str) -> list[int]:
    index = skeleton(name).index
    return [index[joint] for joint in LIMB_JOINTS]
