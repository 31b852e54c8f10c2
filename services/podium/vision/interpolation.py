"""Interpolates regions of interest between detection frames, and associates persons for it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from podium.types import Float32, Float64, Int64
from podium.vision.assignment import match

_MAX_SHIFT = 1.0
"""Largest movement of a person between two detection frames, in sides of the region, including the
change of size. Once the motion is known: largest distance from the predicted place."""

_MAX_MISSES = 2
"""Detection frames in a row without a person after which the track still goes on."""

_HIDDEN = 12
"""The same limit if the motion is known and the person reappears at the predicted place."""

_COMES_OUT = 0.35
"""Largest distance from that predicted place, in sides of the region, including change of size."""

_GAIN = 0.05
"""Smallest decrease of two persons' crookedness, in sides, for which they exchange sightings."""

_ODD = 0.1
"""Cost of leaving out a sighting, in sides: where two persons meet, a pose may be a bit of both."""

_NEARNESS = 0.3
"""Weight of a side of distance, relative to a side of deviation from straight motion."""


_Moves = Callable[[Int64, Int64, Int64], Iterator[tuple[Int64, Int64]]]
"""Other ways to divide the sightings of two persons: positions, and rows of both."""


@dataclass(slots=True)
class _Track:
    """One person over the detection frames of one batch."""

    number: int
    steps: list[int] = field(default_factory=list)  # numbers of the detection frames
    positions: list[int] = field(default_factory=list)
    rois: list[Float32] = field(default_factory=list)

    def motion(self) -> Float32 | None:
        """Velocity (2,) of the centre in pixels per frame; None after a single sighting."""
        if len(self.rois) < 2:
            return None
        moved: Float32 = self.rois[-1][:2] - self.rois[-2][:2]
        return moved / np.float32(self.positions[-1] - self.positions[-2])


def interpolate_rois(
    positions: Int64,
    image_index: Int64,
    rois: Float32,
    scores: Float32,
    frame_count: int,
    *,
    hold: bool = True,
) -> tuple[Int64, Float32, Float32]:
    """Associate the detections of consecutive detection frames and fill the frames between.

    Args:
        positions: (D,) ascending positions of the detection frames within the batch.
        image_index: (K,) detection frame of each region.
        rois: (K, 5) frame pixels.
        scores: (K,).
        frame_count: N, frames of the batch.
        hold: Whether to add regions on frames on which the person may be gone.

    Returns:
        Position in the batch (M,), region (M, 5) and score (M,), ordered by position.
    """
    tracks = associate(positions, image_index, rois)
    known = tracks >= 0
    _, position, filled, score = spread(
        tracks[known],
        positions[image_index[known]],
        rois[known],
        scores[known],
        positions,
        frame_count=frame_count,
        hold=hold,
    )
    return position, filled, score


def associate(positions: Int64, image_index: Int64, rois: Float32) -> Int64:
    """Number the persons over the detection frames of a batch, by place, size and motion.

    Two persons who cross keep their numbers: a sighting goes to the person whose motion predicts
    it best, and the first two sightings are paired so that the third one lies in line. Then two
    persons exchange their sightings before or after a moment, as long as that makes both paths
    straighter: a batch may begin or end while one hides the other. A sighting between the paths of
    two who meet belongs to neither.

    Args:
        positions: (D,) ascending positions of the detection frames within the batch.
        image_index: (K,) detection frame of each region, ascending.
        rois: (K, 5) frame pixels.

    Returns:
        (K,) numbers from 0; -1 for sightings of neither of two persons.
    """
    numbers = _chained(positions, image_index, rois)
    return _straightened(positions[image_index], rois, numbers)


def _straightened(at: Int64, rois: Float32, numbers: Int64) -> Int64:
    """Exchange sightings between persons until no exchange makes their paths straighter.

    Where the paths are still crooked, a sighting may be left out, too.
    """
    people = [np.flatnonzero(numbers == n) for n in np.unique(numbers)]
    _improve(at, rois, people, _exchanges, cost=0)
    if _improve(at, rois, people, _exchanges_without_one, cost=_ODD):
        _improve(at, rois, people, _exchanges, cost=0)
    straight = np.full_like(numbers, -1)
    kept = [rows for rows in people if len(rows)]
    for number, rows in enumerate(sorted(kept, key=lambda rows: int(rows.min()))):
        straight[rows] = number
    return straight


def _improve(at: Int64, rois: Float32, people: list[Int64], moves: _Moves, *, cost: float) -> bool:
    """Make moves between pairs of persons who meet as long as they pay; whether one did."""
    improved, ever = len(people) > 1, False
    while improved:
        improved = False
        for i, j in itertools.combinations(range(len(people)), 2):
            one, other = people[i], people[j]
            if not _meet(at, rois, one, other):
                continue
            before = _crookedness(at, rois, one) + _crookedness(at, rois, other)
            if cost and before < 2 + cost + _GAIN:
                continue  # they are straight enough
            for a, b in moves(at, one, other):
                after = _crookedness(at, rois, a) + _crookedness(at, rois, b)
                if after + cost < before - _GAIN:
                    people[i], people[j], before, improved, ever = a, b, after, True, True
    return ever


def _exchanges_without_one(at: Int64, one: Int64, other: Int64) -> Iterator[tuple[Int64, Int64]]:
    """All exchanges, and none, without one sighting; the first and the last of each stay."""
    for a, b in ((one, other), *_exchanges(at, one, other)):
        for row in range(1, len(a) - 1):
            yield np.delete(a, row), b
        for row in range(1, len(b) - 1):
            yield a, np.delete(b, row)


def _exchanges(at: Int64, one: Int64, other: Int64) -> Iterator[tuple[Int64, Int64]]:
    """All exchanges of sightings between two persons, given as ascending rows."""
    moments = np.unique(at[np.concatenate([one, other])])
    for moment in moments:
        early, early_other = at[one] <= moment, at[other] <= moment
        if moment < moments[-1]:
            yield (
                np.concatenate([one[early], other[~early_other]]),
                np.concatenate([other[early_other], one[~early]]),
            )
        now, now_other = at[one] == moment, at[other] == moment
        yield (
            np.sort(np.concatenate([one[~now], other[now_other]])),
            np.sort(np.concatenate([other[~now_other], one[now]])),
        )


def _meet(at: Int64, rois: Float32, one: Int64, other: Int64) -> bool:
    """Whether two persons, given as rows, are ever closer than a region is wide, or may be one."""
    if not len(one) or not len(other):
        return False
    frames = np.arange(at[np.concatenate([one, other])].min(), at.max() + 1, dtype=np.int64)
    a, b = (along(frames, at[rows], rois[rows].astype(np.float64)) for rows in (one, other))
    apart = np.linalg.norm(a[:, :2] - b[:, :2], axis=1)
    return bool((apart < np.minimum(a[:, 2], b[:, 2])).any())


def _crookedness(at: Int64, rois: Float32, rows: Int64) -> float:
    """Sum of a person's deviations from straight motion, in sides; rows are ascending.

    Added are 1 per person, the length of steps longer than a side, and the changes of size.
    """
    if not len(rows):
        return 0.0
    centre, time = rois[rows, :2].astype(np.float64), at[rows].astype(np.float64)
    side = np.sqrt(rois[rows, 2] * rois[rows, 3]).astype(np.float64)
    step = np.diff(centre, axis=0) / side.mean()
    motion = step / np.diff(time)[:, None]
    bend = np.linalg.norm(np.diff(motion, axis=0), axis=1) * np.diff(time)[1:]
    far = np.linalg.norm(step, axis=1)
    return float(1 + bend.sum() + far[far > _MAX_SHIFT].sum() + np.abs(np.diff(np.log(side))).sum())


def _chained(positions: Int64, image_index: Int64, rois: Float32) -> Int64:
    """Numbers (K,), assigned greedily in the order of ``positions``."""
    numbers = np.full(len(rois), -1, np.int64)
    tracks: list[_Track] = []
    for step, position in enumerate(positions.tolist()):
        rows = np.flatnonzero(image_index == step)
        live = [
            t
            for t in tracks
            if step - t.steps[-1] <= 1 + (_MAX_MISSES if len(t.steps) == 1 else _HIDDEN)
        ]
        later = step + 1 if step + 1 < len(positions) else None
        ahead = rois[image_index == later] if later is not None else rois[:0]
        elapsed = 0 if later is None else int(positions[later]) - position
        missed = np.array([step - t.steps[-1] > 1 + _MAX_MISSES for t in live], np.bool_)
        cost = _cost(live, position, rois[rows], ahead, elapsed)
        cost[missed] *= _MAX_SHIFT / _COMES_OUT
        pairs = {column: row for row, column in match(cost, _MAX_SHIFT)}
        for column, row in enumerate(rows.tolist()):
            if column in pairs:
                track = live[pairs[column]]
            else:
                track = _Track(len(tracks))
                tracks.append(track)
            track.steps.append(step)
            track.positions.append(position)
            track.rois.append(rois[row])
            numbers[row] = track.number
    return numbers


def _cost(
    tracks: list[_Track], position: int, rois: Float32, ahead: Float32, elapsed: int
) -> Float64:
    """Cost (T, P) of assigning each region to each track, in sides of the region.

    Args:
        tracks: Recently seen persons.
        position: Position of the frame of ``rois``.
        rois: (P, 5).
        ahead: (Q, 5) regions of the next detection frame, ``elapsed`` frames later.
        elapsed: 0 if there is no next detection frame.
    """
    cost = np.full((len(tracks), len(rois)), np.inf)
    for row, track in enumerate(tracks):
        last, gap = track.rois[-1], position - track.positions[-1]
        side = (np.sqrt(last[2] * last[3]) + np.sqrt(rois[:, 2] * rois[:, 3])) / 2
        resized = np.abs(np.log(np.sqrt(last[2] * last[3] / (rois[:, 2] * rois[:, 3]))))
        moved = rois[:, :2] - last[:2]
        far = np.linalg.norm(moved, axis=1) / side
        motion = track.motion()
        if motion is not None:
            off = np.linalg.norm(moved - motion * gap, axis=1) / side
            # A person may stop or turn, so the last place is never excluded.
            fit = np.minimum(off, _NEARNESS + far) + resized
        elif len(ahead):
            onward = ahead[None, :, :2] - rois[:, None, :2]
            bend = np.linalg.norm(onward - moved[:, None] * (elapsed / gap), axis=2)
            fit = np.minimum(bend.min(axis=1) / side, 1 - _NEARNESS) + _NEARNESS * far + resized
            fit = np.where(far + resized <= _MAX_SHIFT, fit, np.inf)
        else:
            fit = far + resized
        cost[row] = fit
    return cost


def spread(
    tracks: Int64,
    position: Int64,
    rois: Float32,
    scores: Float32,
    searched: Int64,
    *,
    frame_count: int,
    hold: bool,
) -> tuple[Int64, Int64, Float32, Float32]:
    """Regions on all frames on which a person is or may be.

    Between two sightings, regions are interpolated linearly. With ``hold``, they are extrapolated
    before the first and after the last sighting, up to the next detection frame: the person may
    come or go between two detection frames.

    Args:
        tracks: (K,) person of each region.
        position: (K,) frame of each region within the batch.
        rois: (K, 5).
        scores: (K,).
        searched: (D,) ascending positions of the detection frames.
        frame_count: N, frames of the batch.
        hold: Whether to extrapolate; right if the pose model can tell that nobody is there.

    Returns:
        Track (M,), position (M,), region (M, 5) and score (M,), ordered by position.
    """
    parts = []
    for track in np.unique(tracks):
        rows = np.flatnonzero(tracks == track)
        rows = rows[np.argsort(position[rows], kind="stable")]
        at, knots = position[rows], rois[rows].astype(np.float64)
        first, last = int(at[0]), int(at[-1])
        if hold:
            before, after = searched[searched < first], searched[searched > last]
            first = int(before[-1]) + 1 if len(before) else 0
            last = int(after[0]) - 1 if len(after) else frame_count - 1
        frames = np.arange(first, last + 1, dtype=np.int64)
        filled = along(frames, at, knots)
        score = np.interp(frames, at, scores[rows])
        parts.append((np.full(len(frames), track), frames, filled, score))
    if not parts:
        none = np.zeros(0, np.int64)
        return none, none, np.zeros((0, 5), np.float32), np.zeros(0, np.float32)
    track_of, frames, filled, score = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.argsort(frames, kind="stable")
    return (
        track_of[order].astype(np.int64),
        frames[order],
        filled[order].astype(np.float32),
        score[order].astype(np.float32),
    )


def along(frames: Int64, at: Int64, knots: Float64) -> Float64:
    """Interpolate regions ``knots`` (K, 5) at ``at`` (K,), ascending, to ``frames``: (F, 5).

    Outside the knots the centre is extrapolated from the two nearest; size and rotation stay.
    """
    knots = knots.copy()
    knots[:, 4] = np.unwrap(knots[:, 4])
    rois = np.column_stack([np.interp(frames, at, knots[:, c]) for c in range(5)])
    if len(at) > 1:
        for outside, (end, inner) in ((frames < at[0], (0, 1)), (frames > at[-1], (-1, -2))):
            motion = (knots[end, :2] - knots[inner, :2]) / (at[end] - at[inner])
            rois[outside, :2] += motion * (frames[outside] - at[end])[:, None]
    return rois
