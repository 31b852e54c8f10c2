"""How far a region and a pose agree, and which regions the others may be cut by.

A pose model says where the person that it saw is to be cut out. Where that is about where the crop
was cut, the crop was good: one cut beside a person, or too large or small for them, gives a folded
skeleton that moves on, shrinks or grows. So agreement tells good crops from bad ones, which the
presence that a model gives does not.
"""

from __future__ import annotations

import numpy as np

from podium.types import Bool, Float32, Float64, Int64
from podium.vision.interpolation import along

SETTLED = (0.10, 0.16, 0.40)
"""Shift in sides, change of size (logarithm) and turn (rad) up to which a crop was good."""

IN_LINE = (0.16, 0.22, 0.60)
"""The same for a region and what its neighbours in time make of it."""


def deviation(cut: Float32, said: Float32) -> Float64:
    """How far regions ``said`` (M, 5) are from those cut (M, 5): shift, change of size, turn."""
    side = np.sqrt(cut[:, 2].astype(np.float64) * cut[:, 3])
    shift = np.linalg.norm(said[:, :2] - cut[:, :2], axis=1) / side
    resized = np.abs(np.log(np.maximum(said[:, 3], 1e-6) / cut[:, 3]))
    turn = np.abs((said[:, 4] - cut[:, 4] + np.pi) % (2 * np.pi) - np.pi)
    return np.stack([shift, resized, turn], axis=1).astype(np.float64)


def within(deviations: Float64, limits: tuple[float, float, float]) -> Bool:
    """Rows (M,) of deviations (M, 3) inside the limits; NaN is outside."""
    return np.asarray((deviations <= np.array(limits)).all(axis=1))


def in_line(tracks: Int64, position: Int64, rois: Float32, trusted: Bool) -> Bool:
    """Which regions (M,) are where the trusted ones around them put them.

    Args:
        tracks: (M,) whom each region is of.
        position: (M,) its frame.
        rois: (M, 5).
        trusted: (M,) which count; each is compared with the others.
    """
    line = np.ones(len(rois), np.bool_)
    for track in np.unique(tracks):
        rows = np.flatnonzero(tracks == track)
        for row in rows.tolist():
            near = neighbours(position[rows], trusted[rows] & (rows != row), int(position[row]))
            if near is None:
                continue
            others = rows[near]
            expected = along(position[[row]], position[others], rois[others].astype(np.float64))
            gap = np.abs(position[others] - position[row]).min()
            far = deviation(expected.astype(np.float32), rois[[row]])
            far[:, 0] -= 0.02 * (gap - 1)  # runners speed up and slow down within a step
            line[row] = within(far, IN_LINE)[0]
    return line


def neighbours(position: Int64, usable: Bool, at: int) -> Int64 | None:
    """The usable row before and the one after ``at``, else the two nearest; None: there are none.

    Args:
        position: (M,) frames of one person.
        usable: (M,).
        at: A frame.

    Returns:
        One or two rows by ascending position.
    """
    rows = np.flatnonzero(usable)
    if not len(rows):
        return None
    rows = rows[np.argsort(position[rows], kind="stable")]
    place = int(np.searchsorted(position[rows], at))
    first = min(max(place - 1, 0), max(len(rows) - 2, 0))
    return rows[first : first + 2]
