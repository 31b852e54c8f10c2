"""BVH (Biovision Hierarchy): the fitted body, for animation programs.

Bones have constant lengths, joints turn by the hinges of the model, in centimetres and degrees. The
body at rest stands upright, arms down, and looks along X; Y is up.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from podium.biomechanics.fit.kinematics import pose
from podium.biomechanics.fit.model import BODY, SIDES, Places, Segment
from podium.biomechanics.fit.result import BodyFit
from podium.biomechanics.signals.timeline import rate_hz
from podium.errors import Unprocessable
from podium.types import Float64

JOINTS = {
    "pelvis": "Hips",
    "trunk": "Spine",
    **{
        f"{side}_{segment}": f"{side.capitalize()}{joint}"
        for side in ("right", "left")
        for segment, joint in (
            ("thigh", "UpLeg"),
            ("shank", "Leg"),
            ("foot", "Foot"),
            ("toes", "ToeBase"),
            ("upper_arm", "Arm"),
            ("forearm", "ForeArm"),
        )
    },
}
"""Segment of the model -> name of its joint, as animation programs expect it."""

_ENDS = {f"{side}_{segment}": f"{side}_{point}"
         for side in ("right", "left")
         for segment, point in (("toes", "big_toe"), ("forearm", "wrist"))}  # fmt: skip
_CM = 100.0


def write_bvh(path: Path, fit: BodyFit) -> None:
    """Write the hierarchy and its motion; frames of a BVH are evenly spaced.

    Raises:
        Unprocessable: no body was fitted.
    """
    known = np.isfinite(fit.values).all(axis=1)
    if not known.any() or not fit.converged:
        raise Unprocessable(fit.notes[-1] if fit.notes else "no body was fitted")
    rate = rate_hz(fit.time_s) or 1.0
    time_s = np.arange(fit.time_s[0], fit.time_s[-1] + 0.5 / rate, 1 / rate)
    hips = [fit.points.index(f"{side}_hip") for side in SIDES]
    root_m = fit.positions_m[:, hips].mean(axis=1)
    moving = np.concatenate([root_m, fit.values[:, 3:]], axis=1)[known]
    even = np.stack([np.interp(time_s, fit.time_s[known], column) for column in moving.T], axis=1)
    order = [*_depth_first("pelvis")]
    turns = np.concatenate([_channels(segment, even) for segment in order], axis=1)
    rows = np.concatenate([even[:, :3] * _CM, np.degrees(turns)], axis=1)
    lines = [
        "HIERARCHY",
        *_joint(order[0], _lengths_m(fit, int(np.argmax(known)))),
        "MOTION",
        f"Frames: {len(rows)}",
        f"Frame Time: {1 / rate:.8f}",
        *(" ".join(f"{number:.6f}" for number in row) for row in rows.tolist()),
        "",
    ]
    path.write_text("\n".join(lines), encoding="ascii")


def _lengths_m(fit: BodyFit, row: int) -> Float64:
    """Lengths (K,) of the model, which the positions of any frame are linear in."""
    unit = pose(BODY, fit.values[row : row + 1], np.ones(len(BODY.lengths))).by_length[0]
    hips = [fit.points.index(f"{side}_hip") for side in SIDES]
    reach = fit.positions_m[row] - fit.positions_m[row, hips].mean(axis=0)
    lengths, *_ = np.linalg.lstsq(unit.reshape(-1, len(BODY.lengths)), reach.ravel())
    return np.asarray(lengths)


def _children(name: str) -> list[Segment]:
    return [segment for segment in BODY.segments if segment.parent == name]


def _depth_first(name: str) -> Iterator[Segment]:
    """A segment and those beyond it, in the order of the columns."""
    yield next(segment for segment in BODY.segments if segment.name == name)
    for child in _children(name):
        yield from _depth_first(child.name)


def _axes(segment: Segment) -> list[int]:
    """The axes of the hinges in their order, then those that the joint does not turn about."""
    turned = [hinge.axis for hinge in segment.hinges]
    return [*turned, *(axis for axis in range(3) if axis not in turned)]


def _channels(segment: Segment, values: Float64) -> Float64:
    """Rotations (T, 3) in radians about ``_axes``."""
    turns = np.zeros((len(values), 3))
    for k, hinge in enumerate(segment.hinges):
        turns[:, k] = hinge.sign * values[:, BODY.index[hinge.name]]
    return turns


def _joint(segment: Segment, lengths_m: Float64, depth: int = 0) -> Iterator[str]:
    """The lines of a joint and of those beyond it."""
    indent, kind = "  " * depth, "JOINT" if depth else "ROOT"
    rotations = " ".join(f"{'XYZ'[axis]}rotation" for axis in _axes(segment))
    channels = f"3 {rotations}" if depth else f"6 Xposition Yposition Zposition {rotations}"
    yield f"{indent}{kind} {JOINTS[segment.name]}"
    yield f"{indent}{{"
    yield f"{indent}  OFFSET {_offset(segment.place, lengths_m)}"
    yield f"{indent}  CHANNELS {channels}"
    for child in _children(segment.name):
        yield from _joint(child, lengths_m, depth + 1)
    if segment.name in _ENDS:
        end = next(point for point in BODY.points if point.name == _ENDS[segment.name])
        yield f"{indent}  End Site"
        yield f"{indent}  {{"
        yield f"{indent}    OFFSET {_offset(end.place, lengths_m)}"
        yield f"{indent}  }}"
    yield f"{indent}}}"


def _offset(place: Places, lengths_m: Float64) -> str:
    way = np.zeros(3)
    for name, direction in place:
        way += lengths_m[BODY.length_index[name]] * np.array(direction)
    return " ".join(f"{number * _CM:.6f}" for number in way)
