"""One colour per side of the body, told apart under every common colour blindness.

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
"""On pictures, where lines have a dark rim."""

SIDE_ON_WHITE: dict[Side, str] = {
    "left": "#0072B2",  # blue
    "right": "#D55E00",  # vermilion
    "centre": "#444444",
}
"""On paper."""


def side_of(*joints: str) -> Side:
    """The side that all the joints are on; ``centre`` where they are not on one side."""
    if all(joint.startswith("left_") for joint in joints):
        return "left"
    return "right" if all(joint.startswith("right_") for joint in joints) else "centre"
