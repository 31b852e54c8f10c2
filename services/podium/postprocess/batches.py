"""The frames of one result as arrays, which take less memory than the JSON that they came in."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from podium.biomechanics.persons.trajectories import Tracklet
from podium.biomechanics.signals.camera_motion import Background
from podium.errors import InvalidInput, NotFound, TooLarge
from podium.schemas.results import FrameResult, FrameStatus, PersonResult, PipelineResult
from podium.skeletons import Skeleton, skeleton
from podium.types import Float64, Int64

MAX_PERSONS_PER_FRAME = 100
MAX_COORDINATE_PX = 1e6
MAX_COORDINATE_M = 1e3
MAX_ZOOM = 100.0

_BOX_AND_SCORE = 5


@dataclass(frozen=True, slots=True)
class Batch:
    """One result."""

    result: PipelineResult  # without its frames
    skeleton: Skeleton
    frame_index: Int64  # (F,) as they come
    time_s: Float64  # (F,)
    status: tuple[FrameStatus, ...]  # of each frame
    tracklets: tuple[Tracklet, ...]  # of batch 0, until batches are sorted
    background: Background


def batch_of(result: PipelineResult, frames: Iterable[FrameResult]) -> Batch:
    """Copy frames into arrays, one after the other.

    Args:
        result: The facts; its own frames are not looked at.
        frames: In any order; of a frame that occurs twice the last one counts.

    Raises:
        InvalidInput: the skeleton is unknown, or a frame does not fit it or is out of range.
        TooLarge: too many persons on a frame.
    """
    try:
        joints = skeleton(result.skeleton)
    except NotFound as error:
        raise InvalidInput(error.message, field="results") from None
    index, time_s = array("q"), array("d")
    status: list[FrameStatus] = []
    tracks: dict[int, _Track] = {}
    background: dict[float, tuple[float, float, float, float]] = {}
    for frame in frames:
        _check_frame(frame, joints)
        index.append(frame.index)
        time_s.append(frame.time_s)
        status.append(frame.status)
        if frame.background is not None:
            background[frame.time_s] = frame.background
        for person in frame.persons:
            track = tracks.get(person.track_id)
            if track is None:
                track = tracks[person.track_id] = _Track(len(joints))
            track.add(frame.index, person)
    return Batch(
        result=result.model_copy(update={"frames": []}),
        skeleton=joints,
        frame_index=np.array(index, np.int64),
        time_s=np.array(time_s, float),
        status=tuple(status),
        tracklets=tuple(tracks.pop(number).tracklet() for number in sorted(tracks)),
        background=_background(background),
    )


def _background(known: Mapping[float, tuple[float, float, float, float]]) -> Background:
    time_s = np.array(sorted(known))
    a, b, x, y = np.array([known[at] for at in time_s.tolist()]).reshape(-1, 4).T
    return Background(time_s, a + 1j * b, x + 1j * y)


def _check_frame(frame: FrameResult, joints: Skeleton) -> None:
    where = f"results, frame {frame.index}"
    if frame.index >= 1 << 53 or abs(frame.time_s) > 1e8:
        raise InvalidInput("index or time_s is out of range", field=where)
    if frame.background is not None:
        a, b, x, y = frame.background
        zoom = float(np.hypot(a, b))
        if not 1 / MAX_ZOOM <= zoom <= MAX_ZOOM or max(abs(x), abs(y)) > MAX_COORDINATE_PX:
            raise InvalidInput("background is out of range", field=where)
    if len(frame.persons) > MAX_PERSONS_PER_FRAME:
        raise TooLarge(f"has more than {MAX_PERSONS_PER_FRAME} persons", field=where)
    for person in frame.persons:
        for points in (person.keypoints, person.keypoints_3d):
            if points is not None and len(points) != len(joints):
                raise InvalidInput(
                    f"has {len(points)} key points, skeleton {joints.name} has {len(joints)}",
                    field=where,
                )


class _Track:
    """One person as rows of numbers; the columns in 3D come with the first that has some."""

    def __init__(self, joints: int) -> None:
        self._joints = joints
        self._index = array("q")
        self._rows = array("d")
        self._rows_3d = array("d")

    def add(self, index: int, person: PersonResult) -> None:
        rows = self._rows
        rows.extend(person.box)
        rows.append(person.score)
        for point in person.keypoints:
            rows.extend(point)
        if person.keypoints_3d is not None:
            self._fill_3d()
            for point in person.keypoints_3d:
                self._rows_3d.extend(point)
        self._index.append(index)

    def _fill_3d(self) -> None:
        """The persons so far have their columns in 3D, even if they are empty."""
        missing = 3 * self._joints * len(self._index) - len(self._rows_3d)
        self._rows_3d.extend(array("d", [np.nan]) * missing)

    def tracklet(self) -> Tracklet:
        index = np.frombuffer(self._index, np.int64)
        rows = np.frombuffer(self._rows).reshape(len(index), -1)
        if has_3d := len(self._rows_3d) > 0:
            self._fill_3d()
        # An empty column of NaN takes no memory.
        rows_3d = (
            np.frombuffer(self._rows_3d).reshape(len(index), -1)
            if has_3d
            else np.broadcast_to(np.nan, (len(index), 3 * self._joints))
        )
        if (np.diff(index) <= 0).any():
            order = np.argsort(index, kind="stable")
            is_last = np.append(np.diff(index[order]) > 0, True)
            order = order[is_last]
            index, rows, rows_3d = index[order], rows[order], rows_3d[order]
        if has_3d:
            np.clip(rows_3d, -MAX_COORDINATE_M, MAX_COORDINATE_M, out=rows_3d)
        score = rows[:, _BOX_AND_SCORE - 1].copy()
        np.clip(rows, -MAX_COORDINATE_PX, MAX_COORDINATE_PX, out=rows)
        points = (len(index), self._joints, 3)
        return Tracklet(
            batch=0,
            frame_index=index,
            boxes=rows[:, : _BOX_AND_SCORE - 1],
            scores=score,
            keypoints=rows[:, _BOX_AND_SCORE:].reshape(points),
            keypoints_3d=rows_3d.reshape(points),
        )
