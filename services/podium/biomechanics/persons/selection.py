"""Chooses the athlete among the persons of a whole clip."""

from __future__ import annotations

from collections.abc import Sequence

from podium.athletes import Athlete, choose
from podium.biomechanics.persons.trajectories import Trajectory


def select(persons: Sequence[Trajectory], athlete: Athlete) -> list[Trajectory]:
    """The persons to analyse: all, or the best one by the rule."""
    return [persons[index] for index in choose(athlete, [person.boxes for person in persons])]
