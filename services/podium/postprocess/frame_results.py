"""Reads and merges the frame results of one video."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import FailFast, TypeAdapter, ValidationError

from podium.biomechanics.persons.trajectories import Tracklet
from podium.biomechanics.signals.camera_motion import Background, CameraMotion, camera_motion
from podium.biomechanics.signals.timeline import Timeline, timeline
from podium.errors import InvalidInput, NotFound, TooLarge
from podium.schemas.results import FrameResult, PersonResult, PipelineResult
from podium.skeletons import Skeleton, skeleton
from podium.types import Float64
from podium.wire.json_values import check_keys, read_json

MAX_PERSONS_PER_FRAME = 100
MAX_COORDINATE_PX = 1e6
MAX_COORDINATE_M = 1e3
MAX_ZOOM = 100.0

_LIST = TypeAdapter(Annotated[list[PipelineResult], FailFast()])
_MAX_LINES = 100_000


@dataclass(frozen=True, slots=True)
class Clip:
    """All batches of one video as one."""

    result: PipelineResult  # of the first batch, for the facts of the clip; not for its frames
    skeleton: Skeleton
    frames: Timeline
    status: Counter[str]  # frame status -> number of frames, each frame counted once
    degraded: tuple[str, ...]
    tracklets: tuple[Tracklet, ...]
    camera: CameraMotion | None  # None: no background was seen


def parse_results(data: bytes) -> list[PipelineResult]:
    """Read a JSON list of results, a single one, or one per line.

    Raises:
        InvalidInput: it is malformed; the message names the element.
        TooLarge: it needs too much memory.
    """
    text = data.strip()
    try:
        if text.startswith(b"["):
            _check_objects(read_json(text, field="results"))
            return _LIST.validate_json(text)
        lines = [line for line in text.split(b"\n", _MAX_LINES) if line.strip()]
        if len(lines) > _MAX_LINES:
            raise TooLarge(f"has more than {_MAX_LINES} lines", field="results")
        try:
            _check_objects(read_json(text, field="results"))
            lines = [text]
        except TooLarge:
            raise
        except InvalidInput:
            if len(lines) < 2:
                raise
            for line in lines:
                _check_objects(read_json(line, field="results"))
        return [PipelineResult.model_validate_json(line) for line in lines]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(["results", *(str(part) for part in first["loc"])])
        raise InvalidInput(first["msg"], field=where) from None


def _check_objects(value: object, depth: int = 6) -> None:
    """Refuse objects with many keys, as each unknown key would become an error."""
    if depth == 0:
        return
    if isinstance(value, dict):
        check_keys(value, field="results")
        for inner in value.values():
            _check_objects(inner, depth - 1)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for inner in value:
            _check_objects(inner, depth - 1)


def merge(results: Sequence[PipelineResult], *, max_frames: int) -> Clip:
    """Sort the batches and check that they belong together.

    Args:
        results: Batches of one video in any order; they may overlap or have gaps.
        max_frames: Largest number of frames of the clip.

    Raises:
        InvalidInput: no results, different skeletons or sources, or malformed key points.
        TooLarge: too many frames, or too many persons on a frame.
    """
    if not results:
        raise InvalidInput("is empty; give at least one result of a pipeline", field="results")
    ordered = sorted(results, key=_extent)
    first = ordered[0]
    try:
        joints = skeleton(first.skeleton)
    except NotFound as error:
        raise InvalidInput(error.message, field="results") from None
    for other in ordered[1:]:
        if other.skeleton != first.skeleton:
            raise InvalidInput(
                f"mixes the skeletons {first.skeleton} and {other.skeleton}", field="results"
            )
        if (other.source.width, other.source.height) != (first.source.width, first.source.height):
            raise InvalidInput("mixes sources of different frame sizes", field="results")
    frames = [frame for result in ordered for frame in result.frames]
    best: dict[int, str] = {}
    for frame in frames:
        _check_frame(frame, joints)
        if best.get(frame.index) != "ok":
            best[frame.index] = frame.status
    return Clip(
        result=first,
        skeleton=joints,
        frames=timeline(
            np.array([frame.index for frame in frames], np.int64),
            np.array([frame.time_s for frame in frames], float),
            max_frames=max_frames,
        ),
        status=Counter(best.values()),
        degraded=tuple(dict.fromkeys(note for result in ordered for note in result.degraded)),
        tracklets=tuple(
            tracklet
            for batch, result in enumerate(ordered)
            for tracklet in _tracklets(batch, result.frames, len(joints))
        ),
        camera=camera_motion(
            [_background(result.frames) for result in ordered],
            (first.source.width, first.source.height),
        ),
    )


def _extent(result: PipelineResult) -> tuple[int, int]:
    index = [frame.index for frame in result.frames]
    return (min(index), max(index)) if index else (-1, -1)


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


def _background(frames: list[FrameResult]) -> Background:
    known = {frame.time_s: frame.background for frame in frames if frame.background is not None}
    time_s = np.array(sorted(known))
    a, b, x, y = np.array([known[at] for at in time_s.tolist()]).reshape(-1, 4).T
    return Background(time_s, a + 1j * b, x + 1j * y)


def _tracklets(batch: int, frames: list[FrameResult], joints: int) -> Iterator[Tracklet]:
    tracks: dict[int, dict[int, PersonResult]] = {}
    for frame in frames:
        for person in frame.persons:
            tracks.setdefault(person.track_id, {})[frame.index] = person
    for _, track in sorted(tracks.items()):
        index = sorted(track)
        persons = [track[i] for i in index]
        nowhere = [(np.nan, np.nan, np.nan)] * joints
        yield Tracklet(
            batch=batch,
            frame_index=np.array(index, np.int64),
            boxes=_bounded([p.box for p in persons], MAX_COORDINATE_PX),
            scores=np.array([p.score for p in persons]),
            keypoints=_bounded([p.keypoints for p in persons], MAX_COORDINATE_PX),
            keypoints_3d=_bounded([p.keypoints_3d or nowhere for p in persons], MAX_COORDINATE_M),
        )


def _bounded(values: object, limit: float) -> Float64:
    return np.asarray(np.clip(np.array(values, float), -limit, limit))
