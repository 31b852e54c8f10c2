"""Which of the persons is the athlete, decided after the whole clip has been seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from podium.biomechanics.persons.trajectories import Trajectory

Rule = Literal["all", "largest", "longest", "most_displacement", "nearest"]


@dataclass(frozen=True, slots=True)
class Athlete:
    """A rule, and for ``nearest`` the pixel that the athlete is nearest to on first sight."""

    rule: Rule = "all"
    point_px: tuple[float, float] = (0.0, 0.0)


def select(persons: Sequence[Trajectory], athlete: Athlete) -> list[Trajectory]:
    """The persons to analyse: all of them, or the one that fits best."""
    if athlete.rule == "all" or not persons:
        return list(persons)
    if athlete.rule == "nearest":
        return [min(persons, key=lambda person: _distance_px(person, athlete.point_px))]
    return [max(persons, key=_MERIT[athlete.rule])]


def _area_px(person: Trajectory) -> float:
    sides = person.boxes[:, 2:] - person.boxes[:, :2]
    return float(np.nanmedian(sides.prod(axis=1)))


def _frames_seen(person: Trajectory) -> float:
    return float(np.isfinite(person.scores).sum())


def _displacement_px(person: Trajectory) -> float:
    centre = (person.boxes[:, :2] + person.boxes[:, 2:]) / 2
    return float(np.linalg.norm(np.nanmax(centre, axis=0) - np.nanmin(centre, axis=0)))


def _distance_px(person: Trajectory, point_px: tuple[float, float]) -> float:
    x1, y1, x2, y2 = person.boxes[0]
    return float(np.hypot((x1 + x2) / 2 - point_px[0], (y1 + y2) / 2 - point_px[1]))


_MERIT: dict[str, Callable[[Trajectory], float]] = {
    "largest": _area_px,
    "longest": _frames_seen,
    "most_displacement": _displacement_px,
}
