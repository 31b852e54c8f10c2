"""Warnings about the share of the clip that was analysed, other persons, and better pipelines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from podium.biomechanics.persons.trajectories import Trajectory

_MOST = 0.8
"""Share of the frames with persons below which an athlete gets a warning if others are there."""

_TOGETHER = 0.1
"""Share of the frames with two or more persons from which a clip shows several."""

_SMALL = 0.25
"""Height of a person, in heights of the frame, below which they are small."""

_FOR_ONE = "blazepose-detector"
"""The detector of the default pipelines, which suits one large athlete."""

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


def better_pipeline(
    found: Sequence[Trajectory], frames: int, frame_height_px: int, models: Mapping[str, str]
) -> list[str]:
    """A note if the detector suits one large athlete, and the clip shows several or small ones.

    Args:
        found: All persons of the clip.
        frames: Number of frames of the clip.
        frame_height_px: Height of the frames.
        models: Stage -> name@version of the models that ran.
    """
    if not models.get("detection", "").startswith(_FOR_ONE) or not found:
        return []
    on_frame = Counter(frame for person in found for frame in _frames_of(person))
    together = sum(count > 1 for count in on_frame.values())
    smallest = min(person.height_px for person in found) / frame_height_px
    if together >= max(_TOGETHER * frames, 2):
        seen = f"There are several persons on {together} of {frames} frames"
    elif smallest < _SMALL:
        seen = f"Persons are small ({smallest:.2f} of the frame's height)"
    else:
        return []
    name = "athletes-3d" if "pose3d" in models else "athletes-2d"
    return [
        f"{seen}, and the detector of this pipeline suits one large athlete: --pipeline {name} "
        "finds several and small ones more surely (`podium models pull yolox-nano` gets its model)."
    ]


def _frames_of(person: Trajectory) -> set[int]:
    return set(person.frame_index[np.isfinite(person.scores)].tolist())


def _how_to_choose(person: Trajectory) -> str:
    first = person.boxes[np.isfinite(person.scores)][0]
    x, y = (first[:2] + first[2:]) / 2
    return (
        f"Person {person.person} is seen on {len(_frames_of(person))} frames: "
        f"--athlete nearest:{x:.0f},{y:.0f} analyses them."
    )
