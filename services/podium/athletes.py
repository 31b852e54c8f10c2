"""The rules that choose persons, their text forms, and the quantity that each rule ranks by.

The gateway applies them to the tracks of a request, postprocessing to the persons of a whole
video. Among equal persons, the one who appears first wins.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
)

if TYPE_CHECKING:  # naming a rule must not import numpy
    from podium.types import Float32, Float64

_NUMBER = r"-?[0-9]+(\.[0-9]+)?"
_PATTERN = rf"^(all|largest|longest|most_displacement|nearest:{_NUMBER},{_NUMBER})$"
_MAX_LENGTH = 64
_EXPECTED = (
    "must be all, largest, longest, most_displacement or nearest:x,y, such as nearest:640,360"
)


class Nearest(BaseModel):
    """A point of the frame, x and y in pixels."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    nearest: tuple[float, float]


def read_text(value: Any) -> Any:
    """Read a rule from its text form.

    Raises:
        ValueError: there is no such rule.
    """
    if not isinstance(value, str) or len(value) > _MAX_LENGTH or not re.fullmatch(_PATTERN, value):
        raise ValueError(_EXPECTED)
    rule, _, point = value.partition(":")
    if not point:
        return rule
    x, y = point.split(",")
    return Nearest(nearest=(float(x), float(y)))


def _read_text_or_json(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() != {"nearest"}:
            raise ValueError(_EXPECTED)
        try:
            return Nearest.model_validate(value)
        except ValidationError:
            raise ValueError(_EXPECTED) from None
    return _read_text_only(value)


def _read_text_only(value: Any) -> Any:
    return value if isinstance(value, Nearest) else read_text(value)


def _write_text(value: str | Nearest) -> str:
    if isinstance(value, Nearest):
        return f"nearest:{value.nearest[0]:f},{value.nearest[1]:f}"
    return value


_TEXT = (
    PlainSerializer(_write_text),
    WithJsonSchema({"type": "string", "pattern": _PATTERN, "maxLength": _MAX_LENGTH}),
)
_Rule = Literal["all", "largest", "longest", "most_displacement"] | Nearest

Athlete = Annotated[_Rule, BeforeValidator(_read_text_or_json), *_TEXT]
"""Whom to keep. ``all``: everybody. ``largest``: the largest sum of box areas over the frames, so
that somebody who passes the camera closely for a moment does not win. ``longest``: most frames in
sight. ``most_displacement``: the largest extent of the path of the box centre.
``nearest:x,y``, as JSON also ``{"nearest": [x, y]}``: the box centre closest to a point on the
first frame that shows the person."""

AthleteText = Annotated[_Rule, BeforeValidator(_read_text_only), *_TEXT]
"""The same rules, but only in text form, since a field of a custom resource has one type."""


def choose(
    athlete: Athlete, boxes: Sequence[Float32 | Float64], count: int | None = None
) -> list[int]:
    """Choose among persons.

    Args:
        athlete: The rule.
        boxes: Boxes of each person, (T, 4) xyxy in pixels, in the order of frames; NaN on frames
            without the person.
        count: Largest number to choose; None: one, or everybody with the rule ``all``.

    Returns:
        Indices of the chosen persons, the best first; with the rule ``all`` in their order.
    """
    import numpy as np

    if athlete == "all":
        return list(range(len(boxes)))[:count]
    merits = [_merit(athlete, person[np.isfinite(person).all(axis=1)]) for person in boxes]
    order: list[int] = np.argsort(-np.array(merits), kind="stable").tolist()
    return order[: 1 if count is None else count]


def _merit(athlete: Athlete, boxes: Float32 | Float64) -> float:
    """The rank of a person with boxes (T, 4) by the rule; more is better."""
    import numpy as np

    if len(boxes) == 0:
        return -np.inf
    corners = boxes.astype(np.float64).reshape(-1, 2, 2)
    centres = corners.mean(axis=1)
    if isinstance(athlete, Nearest):
        return -float(np.linalg.norm(centres[0] - athlete.nearest))
    if athlete == "longest":
        return float(len(boxes))
    if athlete == "most_displacement":
        return float(np.linalg.norm(np.ptp(centres, axis=0)))
    return float((corners[:, 1] - corners[:, 0]).clip(0).prod(axis=1).sum())
