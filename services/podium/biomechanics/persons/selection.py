"""Which of the persons is the athlete, decided after the whole clip has been seen."""

from __future__ import annotations

from collections.abc import Sequence

from podium.athletes import Athlete, choose
from podium.biomechanics.persons.trajectories import Trajectory


def select(persons: Sequence[Trajectory], athlete: Athlete) -> list[Trajectory]:
    """The persons to analyse: all of them, or the one that fits best."""
    return [persons[index] for index in choose(athlete, [person.boxes for person in persons])]
