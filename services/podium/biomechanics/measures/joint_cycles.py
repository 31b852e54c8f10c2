"""Joint angles by stride: range, greatest value, and value at the contact of the foot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from podium.biomechanics.analysis import Analysis
from podium.biomechanics.body.angles import Angle, angle_in_plane
from podium.biomechanics.events.gait import Contact
from podium.biomechanics.events.movement import Movement
from podium.biomechanics.measures.measure import Measure
from podium.biomechanics.measures.registry import measured
from podium.biomechanics.signals.noise import jitter
from podium.types import Float64

_BY_STRIDE = ("hip_flexion", "knee_flexion", "ankle_dorsiflexion")
_AT_CONTACT = (*_BY_STRIDE, "shank")
_PLANE = "of the angle to read"


@dataclass(frozen=True, slots=True)
class _Statistic:
    """One number of an angle."""

    suffix: str
    label: str
    method: str


_RANGE = _Statistic("range_deg", "range", f"Mean over strides of greatest less least {_PLANE}.")
_PEAK = _Statistic("peak_deg", "greatest", f"Mean over strides of the greatest value {_PLANE}.")
_CONTACT = _Statistic("at_contact_deg", "at contact", f"Mean over contacts {_PLANE}.")


@measured(order=55)
def joint_cycles(movement: Movement) -> Iterator[Measure]:
    """Range and peak by stride of the joints of the legs; angles at contact, with the trunk."""
    analysis, gait = movement.analysis, movement.gait
    reason = gait if isinstance(gait, str) else ""
    contacts = () if isinstance(gait, str) else gait.contacts
    time_s = analysis.trajectory.time_s
    for series in analysis.angles:
        side, _, part = series.angle.name.partition("_")
        own = [c for c in contacts if c.side == side] if side in ("left", "right") else contacts
        noise = _noise_deg(series.angle, analysis)
        if part in _BY_STRIDE:
            strides = _strides(series.chosen.degrees, time_s, own)
            ranges = np.array([np.ptp(stride) for stride in strides])
            peaks = np.array([stride.max() for stride in strides])
            yield _mean(series.angle, _RANGE, ranges, noise * np.sqrt(2), reason)
            yield _mean(series.angle, _PEAK, peaks, noise, reason)
        if part in _AT_CONTACT or series.angle.name == "trunk":
            values = np.interp([contact.on_s for contact in own], time_s, series.chosen.degrees)
            yield _mean(series.angle, _CONTACT, values[np.isfinite(values)], noise, reason)


def _strides(degrees: Float64, time_s: Float64, contacts: Sequence[Contact]) -> list[Float64]:
    """The angle from each contact of a foot to its next; strides with gaps are left out."""
    starts = [contact.on_s for contact in contacts]
    parts = (degrees[(time_s >= a) & (time_s < b)] for a, b in pairwise(starts))
    return [part for part in parts if len(part) > 1 and np.isfinite(part).all()]


def _noise_deg(angle: Angle, analysis: Analysis) -> float:
    """Standard uncertainty of one sample of a smoothed angle, from the jitter before the filter."""
    raw = angle_in_plane(angle, analysis.plane.measured, analysis.facing, analysis.skeleton)
    return analysis.noise_gain * jitter(raw)


def _mean(
    angle: Angle, statistic: _Statistic, samples: Float64, noise_deg: float, reason: str
) -> Measure:
    known = len(samples) > 0
    # A single stride does not tell how much of it is the filter at the ends of the clip.
    own = float(np.std(samples, ddof=1)) if len(samples) > 1 else np.nan
    sd = max(noise_deg, own) / np.sqrt(len(samples)) if np.isfinite(own) else np.nan
    return Measure(
        name=f"{angle.name}_{statistic.suffix}",
        label=f"{angle.name.replace('_', ' ')}, {statistic.label}",
        unit="deg",
        method=statistic.method,
        value=float(samples.mean()) if known else None,
        sd=float(sd) if np.isfinite(sd) else None,
        n=len(samples) if known else None,
        reason="" if known else reason or "no whole stride was seen",
        digits=1,
    )
