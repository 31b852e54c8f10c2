"""The tilt of the floor in the picture, by the places where the feet of a moving athlete stand.

A camera that is rolled, or ground that slopes, lets these places lie on an oblique line. So does
perspective: feet of an athlete who comes nearer go down in the picture as the athlete grows, by
the height of the camera over that of the athlete. That part is taken out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from podium.biomechanics.body.scale import ANKLE_TO_SHOULDER
from podium.biomechanics.signals.timeline import runs
from podium.skeletons import Skeleton
from podium.types import Float64

SIDES = ("left", "right")
LEAST_PLACES = 3
LEAST_WAY = 1.5
"""Way of the hips along the picture, in standing heights."""

STANDS = 0.35
"""Speed of the toe, in speeds of the hips, below which it stands; toes in swing are faster than the
hips."""
LEAST_STANCE_S = 0.04

PLACE_SD = 0.006
"""Standard uncertainty of a place across the floor, in standing heights: key points of a pose model
on rendered clips lie 0.1 to 0.2 % off a line; a lens and shoes add to it."""

CAMERA_HEIGHT = 0.65
CAMERA_HEIGHT_SD = 0.2
"""Height of a camera that is held or on a tripod, in standing heights of the athlete."""

LEAST_TILT_DEG = 1.0
"""A smaller tilt is not taken out: it changes angles by less than their uncertainty."""

_CHAIN = ("ankle", "knee", "hip", "shoulder")


@dataclass(frozen=True, slots=True)
class Floor:
    """The floor line; a positive tilt: the floor rises to the right in the picture."""

    tilt_deg: float | None
    sd_deg: float | None = None
    places: int = 0  # where feet stood
    reason: str = ""  # why there is no tilt
    said: bool = False  # by the user: it is not questioned

    @property
    def is_tilted(self) -> bool:
        """Whether the tilt is worth taking out, and larger than its band of 95 %."""
        if self.tilt_deg is None or self.sd_deg is None:
            return False
        if self.said:
            return self.tilt_deg != 0
        return abs(self.tilt_deg) > max(LEAST_TILT_DEG, 1.96 * self.sd_deg)

    def levelled(self, points: Float64, middle: tuple[float, float] = (0.0, 0.0)) -> Float64:
        """Points (..., 2), x right and y down, as a level camera would see them.

        Args:
            points: In the picture.
            middle: Of the picture; it stays where it is.
        """
        if not self.is_tilted or self.tilt_deg is None:
            return points
        turn = np.radians(self.tilt_deg)
        across, down = np.moveaxis(points - middle, -1, 0)
        level = (
            across * np.cos(turn) - down * np.sin(turn),
            across * np.sin(turn) + down * np.cos(turn),
        )
        return np.stack(level, axis=-1) + middle


def floor_of(positions: Float64, time_s: Float64, skeleton: Skeleton, *, sideways: bool) -> Floor:
    """Find the tilt of the floor.

    Args:
        positions: (T, J, 2) pixels of a camera that stands, y down, smoothed; NaN where absent.
        time_s: (T,).
        skeleton: Names the J columns.
        sideways: Whether the athlete is seen from the side.
    """
    if not all(skeleton.has(f"{side}_big_toe") for side in SIDES):
        return Floor(None, reason="the key points have no toes")
    if not sideways:
        return Floor(None, reason="the athlete is not seen from the side")
    hips = skeleton.take(positions, "mid_hip")
    size_px = _size_px(positions, skeleton)
    known = np.isfinite(hips).all(axis=1) & np.isfinite(size_px)
    if np.count_nonzero(known) < LEAST_PLACES:
        return Floor(None, reason="the legs and the trunk are never seen together")
    height_px = float(np.median(size_px[known]))
    way = hips[known, 0]
    if np.ptp(way) < LEAST_WAY * height_px:
        return Floor(None, reason="the athlete stays where the floor shows no line")
    places = list(_places(positions, time_s, skeleton, float(np.polyfit(time_s[known], way, 1)[0])))
    if len(places) < LEAST_PLACES:
        return Floor(None, places=len(places), reason="the feet stand in too few places")
    slope, slope_sd = _line(np.array(places), PLACE_SD * height_px)
    growth, left = np.polyfit(way, size_px[known], 1), size_px[known]
    scatter = float(np.std(left - np.polyval(growth, way)))
    growth_sd = scatter / (np.std(way) * np.sqrt(len(places)))  # it changes with the steps
    doubts = (slope_sd, CAMERA_HEIGHT * growth_sd, CAMERA_HEIGHT_SD * growth[0])
    tilt = -(slope - CAMERA_HEIGHT * growth[0])  # y points down
    return Floor(
        float(np.degrees(np.arctan(tilt))),
        float(np.degrees(np.linalg.norm(doubts))),
        places=len(places),
    )


def _size_px(positions: Float64, skeleton: Skeleton) -> Float64:
    """Standing heights (T,), by the lengths from ankle to shoulder of both sides."""
    points = [
        np.stack([skeleton.take(positions, f"{side}_{joint}") for joint in _CHAIN], axis=1)
        for side in SIDES
    ]
    lengths = [np.linalg.norm(np.diff(part, axis=1), axis=-1).sum(axis=1) for part in points]
    return np.asarray(np.mean(lengths, axis=0) / ANKLE_TO_SHOULDER)


def _places(
    positions: Float64, time_s: Float64, skeleton: Skeleton, hips_px_s: float
) -> Iterator[tuple[int, float, float]]:
    """Side, x and y of every whole stance."""
    for number, side in enumerate(SIDES):
        toe = skeleton.take(positions, f"{side}_big_toe")
        speed = np.linalg.norm(np.gradient(toe, time_s, axis=0), axis=1)
        stands = speed < STANDS * abs(hips_px_s)  # unseen toes are no stance
        for rows, _ in runs(stands[:, None], np.zeros(len(stands), bool)):
            inside = rows.start > 0 and rows.stop < len(toe)
            if inside and time_s[rows.stop] - time_s[rows.start] >= LEAST_STANCE_S:
                x, y = toe[rows].mean(axis=0)
                yield number, float(x), float(y)


def _line(places: Float64, place_sd: float) -> tuple[float, float]:
    """Slope and its uncertainty of two parallel lines, one for each foot, through the places.

    One foot is farther away than the other, so it stands higher in the picture. The scatter about
    the lines counts with the expected one, as if that had been found from four more places.
    """
    side, x, y = places.T
    of_side = [side == number for number in np.unique(side)]
    unknowns = np.stack([x, *of_side], axis=1).astype(float)
    found, *_ = np.linalg.lstsq(unknowns, y, rcond=None)
    free = len(places) - unknowns.shape[1]
    square = float(((y - unknowns @ found) ** 2).sum())
    variance = (4 * place_sd**2 + square) / (4 + max(free, 0))
    spread = np.linalg.pinv(unknowns.T @ unknowns)[0, 0]
    return float(found[0]), float(np.sqrt(variance * spread))
