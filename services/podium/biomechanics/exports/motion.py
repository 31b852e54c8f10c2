"""``motion.json``: the motion of the athletes for the viewer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from podium.biomechanics.analysis import shown_keypoints
from podium.biomechanics.events.moments import moments_of
from podium.biomechanics.events.movement import Movement
from podium.biomechanics.exports.packing import packed_floats, packed_shares, packed_steps
from podium.biomechanics.measures.measure import Measure
from podium.biomechanics.measures.registry import Measured
from podium.biomechanics.persons.trajectories import Trajectory
from podium.biomechanics.signals.timeline import Timeline
from podium.schemas.corrections import CorrectionFile
from podium.schemas.motion import (
    Motion,
    MotionAthlete,
    MotionEvent,
    MotionMeasure,
    MotionPerson,
    MotionSkeleton,
    MotionSource,
)
from podium.skeletons import Skeleton
from podium.types import Floats, Int64

_STEP_PX = 0.05
_STEP_M = 0.0005
_OTHERS = 12
_CAMERA_TO_VIEWER = np.array([1.0, -1.0, -1.0])
"""Camera axes have y down and z away from the camera; the viewer has y up and z towards it."""


def motion_of(
    source: MotionSource,
    skeleton: Skeleton,
    frames: Timeline,
    persons: Sequence[Measured],
    *,
    others: Sequence[Trajectory] = (),
    corrections: CorrectionFile | None = None,
    warnings: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Motion:
    """Pack the chosen persons over all frames of the clip.

    Args:
        source: The video.
        skeleton: Skeleton of the key points.
        frames: The rows of the document.
        persons: The persons, with the measures to show.
        others: Persons who were not chosen.
        corrections: Those that are applied to the persons.
        warnings: Warnings for the reader.
        notes: Assumptions.
    """
    return Motion(
        source=source,
        skeleton=MotionSkeleton(
            name=skeleton.name,
            joints=list(skeleton.joints),
            bones=[(int(a), int(b)) for a, b in skeleton.edges],
        ),
        time_s=packed_floats(frames.time_s, double=True),
        frame_index=packed_floats(frames.frame_index.astype(np.float64), double=True),
        athletes=[_athlete(person, frames) for person in persons],
        others=[_other(each, frames) for each in sorted(others, key=len, reverse=True)[:_OTHERS]],
        corrections=corrections or CorrectionFile(),
        warnings=list(warnings),
        notes=list(notes),
    )


def _athlete(person: Measured, frames: Timeline) -> MotionAthlete:
    analysis = person.analysis
    trajectory = analysis.trajectory
    rows = np.searchsorted(frames.frame_index, trajectory.frame_index)
    in_3d = trajectory.keypoints_3d
    places = None
    if np.isfinite(in_3d).any():
        places = packed_steps(_over_clip(in_3d * _CAMERA_TO_VIEWER, rows, frames), _STEP_M)
    return MotionAthlete(
        person=trajectory.person,
        label=f"Person {trajectory.person}",
        keypoints_px=packed_steps(_over_clip(shown_keypoints(analysis), rows, frames), _STEP_PX),
        scores=packed_shares(_over_clip(trajectory.keypoints[..., 2], rows, frames)),
        joints_m=places,
        measures=[_measure(m, rows, frames, analysis.skeleton) for m in person.measures],
        events=_events(person.movement),
    )


def _other(person: Trajectory, frames: Timeline) -> MotionPerson:
    return MotionPerson(
        person=person.person,
        first_row=int(np.searchsorted(frames.frame_index, person.frame_index[0])),
        boxes_px=packed_steps(person.boxes, 0.5),
    )


def _over_clip(values: Floats, rows: Int64, frames: Timeline) -> Floats:
    """Values (T, ...) of a trajectory on the rows of the clip; NaN before and after it."""
    if len(values) == len(frames):
        return values
    spread = np.full((len(frames), *values.shape[1:]), np.nan)
    spread[rows] = values
    return spread


def _measure(measure: Measure, rows: Int64, frames: Timeline, skeleton: Skeleton) -> MotionMeasure:
    values = None
    if measure.values is not None:
        values = packed_floats(_over_clip(measure.values, rows, frames))
    joint = "_".join(measure.name.split("_")[:2])  # left_knee of left_knee_flexion_deg
    return MotionMeasure(
        name=measure.name,
        label=measure.label,
        unit=measure.unit,
        method=measure.method,
        value=measure.value,
        values=values,
        sd=measure.sd,
        n=measure.n,
        reason=measure.reason,
        digits=measure.digits,
        plot=measure.plot,
        joint=joint if joint in skeleton.joints else None,
    )


def _events(movement: Movement) -> list[MotionEvent]:
    """The events of the movement; events of both feet have no side."""
    return [
        MotionEvent(
            name=moment.kind,
            side=moment.side if moment.side in ("left", "right") else None,
            time_s=float(moment.time_s),
        )
        for moment in moments_of(movement)
    ]
