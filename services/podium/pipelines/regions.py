"""How well a pose agrees with the region of its crop, and regions interpolated from neighbours.

A pose model returns the region where the person should be cropped. If that is close to the region
of the crop, the crop was good. A crop beside a person, too large or too small gives a folded
skeleton and a region that is shifted or of another size. So the agreement tells good crops from
bad ones; the presence that a model gives does not.
"""

from __future__ import annotations

import numpy as np

from podium.types import Bool, Float32, Float64, Int64

SETTLED = (0.10, 0.16, 0.40)
"""Largest shift (sides), change of size (logarithm) and turn (rad) of a good crop."""

IN_LINE = (0.16, 0.22, 0.60)
"""The same limits for a region and its interpolation from neighbours in time."""

_CROWDED = 0.35
"""Distance of two regions' centres, in sides, below which the bodies overlap."""

ROOMY = 1.5
"""Size of the region over size of the body from which a crop may be moved without losing limbs."""

_ASIDE, _CLOSER = 0.16, 0.9
"""Shift, in sides, and change of size of the crop of a body that another one overlaps. Of rendered
runners who cross or overtake, 95 % of such crops show their own body, 83 % of centred ones."""


def deviation(cut: Float32, said: Float32) -> Float64:
    """Difference (M, 3) of regions ``said`` from ``cut`` (M, 5 each): shift, size, turn."""
    side = np.sqrt(cut[:, 2].astype(np.float64) * cut[:, 3])
    shift = np.linalg.norm(said[:, :2] - cut[:, :2], axis=1) / side
    resized = np.abs(np.log(np.maximum(said[:, 3], 1e-6) / cut[:, 3]))
    turn = np.abs((said[:, 4] - cut[:, 4] + np.pi) % (2 * np.pi) - np.pi)
    return np.stack([shift, resized, turn], axis=1).astype(np.float64)


def within(deviations: Float64, limits: tuple[float, float, float]) -> Bool:
    """Rows (M,) of deviations (M, 3) inside the limits; NaN is outside."""
    return np.asarray((deviations <= np.array(limits)).all(axis=1))


def in_line(tracks: Int64, position: Int64, rois: Float32, trusted: Bool) -> Bool:
    """Which regions (M,) agree with the interpolation of the trusted ones around them.

    Args:
        tracks: (M,) person of each region.
        position: (M,) frame of each region.
        rois: (M, 5) regions.
        trusted: (M,) regions to interpolate from; a trusted one is compared with the others.
    """
    line = np.ones(len(rois), np.bool_)
    rows, pairs = neighbours(tracks, position, trusted)
    if not len(rows):
        return line
    gap = np.abs(position[pairs] - position[rows][:, None]).min(axis=1)
    far = deviation(between(position, rois, rows, pairs), rois[rows])
    far[:, 0] -= 0.02 * (gap - 1)  # runners speed up and slow down within a step
    line[rows] = within(far, IN_LINE)
    return line


def neighbours(tracks: Int64, position: Int64, usable: Bool) -> tuple[Int64, Int64]:
    """The usable rows around each row in time: one before and one after, else the two nearest.

    Args:
        tracks: (M,) person of each row; only rows of the same person are neighbours.
        position: (M,) frame of each row.
        usable: (M,) rows that may be neighbours.

    Returns:
        The rows (N,) that have a neighbour, and their neighbours (N, 2) by ascending position; a
        single neighbour is repeated.
    """
    rows, pairs = [np.zeros(0, np.int64)], [np.zeros((0, 2), np.int64)]
    for track in np.unique(tracks):
        own = np.flatnonzero(tracks == track)
        own = own[np.argsort(position[own], kind="stable")]
        counts = usable[own]
        others = counts.sum() - counts  # usable rows other than this one
        own, counts, others = own[others > 0], counts[others > 0], others[others > 0]
        known = np.flatnonzero(usable & (tracks == track))
        known = known[np.argsort(position[known], kind="stable")]
        place = np.searchsorted(position[known], position[own])
        first = np.clip(place - 1, 0, np.maximum(others - 2, 0))
        pair = np.stack([first, np.minimum(first + 1, others - 1)], axis=1)
        pair += counts[:, None] & (pair >= place[:, None])  # a row is not its own neighbour
        rows.append(own)
        pairs.append(known[pair])
    return np.concatenate(rows), np.concatenate(pairs)


def between(position: Int64, rois: Float32, rows: Int64, pairs: Int64) -> Float32:
    """Regions (N, 5) interpolated linearly between two neighbours in time.

    Outside the two, the centre is extrapolated; size and rotation stay.

    Args:
        position: (M,) frame of each region.
        rois: (M, 5) regions.
        rows: (N,) rows to interpolate.
        pairs: (N, 2) their neighbours, see ``neighbours``.
    """
    start, end = (rois[pairs[:, side]].astype(np.float64) for side in (0, 1))
    change = end - start
    change[:, 4] = (change[:, 4] + np.pi) % (2 * np.pi) - np.pi
    took = position[pairs[:, 1]] - position[pairs[:, 0]]
    share = (position[rows] - position[pairs[:, 0]]) / np.maximum(took, 1)
    shares = np.repeat(np.clip(share, 0, 1)[:, None], 5, axis=1)
    shares[:, :2] = share[:, None]
    return np.asarray(start + shares * change, np.float32)


def aside(position: Int64, rois: Float32) -> Float32:
    """Regions (M, 5), moved away from the nearest other one of the frame where two overlap much.

    A pose model shows the person in the middle of the crop. Of two who overlap, a crop around
    either one often shows the one in front, twice; a crop off to the far side shows its own. For
    models whose crops have room around the body (``ROOMY``).

    Args:
        position: (M,) frame of each region.
        rois: (M, 5) where the persons are expected.
    """
    moved = rois.copy()
    frames, counts = np.unique(position, return_counts=True)
    for frame in frames[counts > 1]:
        rows = np.flatnonzero(position == frame)
        centres, sides = rois[rows, :2], np.sqrt(rois[rows, 2] * rois[rows, 3])
        away = centres[:, None] - centres[None]  # (N, N, 2)
        apart = np.linalg.norm(away, axis=2)
        np.fill_diagonal(apart, np.inf)
        nearest = apart.argmin(axis=1)
        off = apart[np.arange(len(rows)), nearest]
        crowded = np.flatnonzero((off > 0) & (off < _CROWDED * sides))
        way = away[crowded, nearest[crowded]] / off[crowded, None]
        moved[rows[crowded], :2] += _ASIDE * sides[crowded, None] * way
        moved[rows[crowded], 2:4] *= _CLOSER
    return moved
