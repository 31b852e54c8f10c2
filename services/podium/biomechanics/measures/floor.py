"""The tilt of the floor in the picture, which is taken out where it is significant."""

from __future__ import annotations

from collections.abc import Iterator

from podium.biomechanics.body.floor import LEAST_TILT_DEG
from podium.biomechanics.events.movement import Movement
from podium.biomechanics.measures.measure import Measure
from podium.biomechanics.measures.registry import measured

_METHOD = (
    "Line through the places where the toes stand, less what perspective adds as the athlete grows "
    "in the picture; positive: rises to the right. Taken out, as a tilt of the camera, where it is "
    f"above {LEAST_TILT_DEG:g} degree and its band of 95 %."
)


@measured(order=35)
def floor_tilt(movement: Movement) -> Iterator[Measure]:
    """The tilt of the floor line."""
    floor = movement.analysis.floor
    yield Measure(
        name="floor_tilt_deg",
        label="Tilt of the floor in the picture",
        unit="deg",
        method=_METHOD,
        value=floor.tilt_deg,
        sd=floor.sd_deg,
        n=floor.places or None,
        reason=floor.reason,
        digits=1,
    )
