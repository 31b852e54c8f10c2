"""Warnings about the share of the clip that was analysed, and about other persons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from podium.biomechanics.persons.trajectories import Trajectory

_MOST = 0.8
"""Share of the frames with persons below which an athlete gets a warning if others are there."""

_OTHERS = 3  # largest number of other persons to name


def coverage_warnings(
    found: Sequence[Trajectory], chosen: Sequence[int], frames: int, rule: str
) -> list[str]:
    """Warnings if the user may have meant another person.

    Args:
        found: All persons of the clip.
        chosen: Numbers of the analysed persons.
        frames: Number of frames of the clip.
        rule: The rule of the choice.
    """
    others = [person for person in found if person.person not in chosen]
    if not others or not chosen:
        return []
    shown = set().union(*(_frames_of(person) for person in found))
    analysed = set().union(*(_frames_of(p) for p in found if p.person in chosen))
    others.sort(key=lambda person: -len(_frames_of(person)))
    longest = len(_frames_of(others[0]))
    if len(analysed) >= _MOST * len(shown) and len(analysed) >= longest:
        return []
    names = " and ".join(str(number) for number in chosen)
    text = (
        f"Analysed was person {names} ({rule}), on {len(analysed)} of {frames} frames; on "
        f"{len(shown - analysed)} frames there is only somebody else."
    )
    return [f"{text} {' '.join(_how_to_choose(other) for other in others[:_OTHERS])}"]


def _frames_of(person: Trajectory) -> set[int]:
    return set(person.frame_index[np.isfinite(person.scores)].tolist())


def _how_to_choose(person: Trajectory) -> str:
    first = person.boxes[np.isfinite(person.scores)][0]
    x, y = (first[:2] + first[2:]) / 2
    return (
        f"Person {person.person} is seen on {len(_frames_of(person))} frames: "
        f"--athlete nearest:{x:.0f},{y:.0f} analyses them."
    )
