"""One colour per side of the body, distinguishable with every common colour blindness.

Source: Okabe & Ito, "Color Universal Design" (2008).
"""

from __future__ import annotations

from typing import Literal

Side = Literal["left", "right", "centre"]
Rgb = tuple[int, int, int]

SIDE_RGB: dict[Side, Rgb] = {
    "left": (86, 180, 233),  # sky blue
    "right": (230, 159, 0),  # orange
    "centre": (240, 240, 240),
}
"""For pictures; lines have a dark rim there."""

SIDE_ON_WHITE: dict[Side, str] = {
    "left": "#0072B2",  # blue
    "right": "#D55E00",  # vermilion
    "centre": "#444444",
}
"""For white pages."""


def side_of(*joints: str) -> Side:
    """The side of all the joints; ``centre`` if they are not on the same side."""
    if all(joint.startswith("left_") for joint in joints):
        return "left"
    return "right" if all(joint.startswith("right_") for joint in joints) else "centre"
