"""The force-velocity profile of a whole sprint from rest, seen by a static camera."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from podium.biomechanics.analysis import Analysis
from podium.biomechanics.events.feet import Feet
from podium.biomechanics.events.find_feet import NOT_SIDEWAYS
from podium.biomechanics.events.movement import Movement
from podium.biomechanics.events.sprint import SprintFit, fit_positions, force_velocity
from podium.biomechanics.measures.joints import NO_SCALE
from podium.biomechanics.measures.measure import Measure
from podium.biomechanics.measures.registry import measured
from podium.biomechanics.signals.noise import jitters, spread
from podium.types import Float64

MASS_KG = 70.0
"""Assumed if the mass is unknown; results per kilogram depend on it only through the drag."""
MIN_TOP_M_S = 4.0
FIRST_SHARE, LAST_SHARE = 0.5, 0.8
"""A clip shows the acceleration if the speed begins below and ends above these shares of MSS."""
MAX_UNCERTAINTY = 0.1
_PARTS = 8
_NOT_SHOWN = "the clip does not show the acceleration from rest to nearly the highest speed"

_METHOD = (
    "v = MSS (1 - exp(-t / tau)) fitted to the way of the hips (Furusawa, Hill & Parkinson 1927; "
    "Samozino et al. 2016)"
)
_WITH_DRAG = f"{_METHOD}; air resistance by Arsac & Locatelli 2002, 25 degrees Celsius, no wind."
_NUMBERS = (
    ("sprint_max_speed_m_s", "Sprint, maximum speed (MSS)", "m/s", 2, f"{_METHOD}."),
    ("sprint_max_acceleration_m_s2", "Sprint, maximum acceleration (MAC)", "m/s^2", 2,
     f"{_METHOD}."),
    ("sprint_tau_s", "Sprint, time constant", "s", 3, f"{_METHOD}; MSS / MAC."),
    ("sprint_f0_n_kg", "Sprint, force at rest (F0)", "N/kg", 2, _WITH_DRAG),
    ("sprint_v0_m_s", "Sprint, speed without force (V0)", "m/s", 2, _WITH_DRAG),
    ("sprint_max_power_w_kg", "Sprint, maximum power", "W/kg", 2, f"{_WITH_DRAG} F0 V0 / 4."),
    ("sprint_slope_n_s_m_kg", "Sprint, slope of force over speed", "N s/m/kg", 3,
     f"{_WITH_DRAG} -F0 / V0."),
    ("sprint_5m_s", "Sprint, time to 5 m", "s", 3, f"{_METHOD}; from the start of the curve."),
    ("sprint_10m_s", "Sprint, time to 10 m", "s", 3, f"{_METHOD}; from the start of the curve."),
    ("sprint_20m_s", "Sprint, time to 20 m", "s", 3, f"{_METHOD}; from the start of the curve."),
    ("sprint_30m_s", "Sprint, time to 30 m", "s", 3, f"{_METHOD}; from the start of the curve."),
)  # fmt: skip


@measured(order=60)
def sprint(movement: Movement) -> Iterator[Measure]:
    """MSS, MAC, tau, F0, V0, power, and split times."""
    analysis, feet = movement.analysis, movement.feet
    fit = feet if isinstance(feet, str) else _fit(feet, movement)
    if isinstance(fit, str) or isinstance(feet, str):
        for name, label, unit, digits, method in _NUMBERS:
            yield Measure(
                name=name, label=label, unit=unit, method=method, digits=digits, reason=str(fit)
            )
        return
    values = _values(fit, analysis, feet)

    def again(forward_m: Float64) -> list[float]:
        repeated = fit_positions(feet.time_s, forward_m[:, 0])
        if repeated is None:
            return [float("nan")] * len(_NUMBERS)
        return _values(repeated, analysis, feet)

    hips = feet.hips[:, :1]
    uncertain = spread(hips, jitters(hips), again, relative_sd=analysis.scale.relative_sd)
    for (name, label, unit, digits, method), value, sd in zip(
        _NUMBERS, values, uncertain, strict=True
    ):
        yield Measure(
            name=name,
            label=label,
            unit=unit,
            method=method,
            value=value,
            sd=float(sd) if np.isfinite(sd) else None,
            n=len(feet.time_s),
            digits=digits,
        )


def _why_not(movement: Movement) -> str:
    """Why the clip cannot show a sprint; empty: it may show one."""
    if movement.analysis.scale.m_per_px is None:
        return NO_SCALE
    if not isinstance(movement.feet, str) and movement.feet.forward != "picture":
        return NOT_SIDEWAYS
    gait = movement.gait
    if isinstance(gait, str):
        return gait
    if gait.kind == "walk":
        return "the athlete walks"
    return "the hips do not travel: a treadmill, or a camera that follows" * gait.treadmill


def _fit(feet: Feet, movement: Movement) -> SprintFit | str:
    reason = _why_not(movement)
    if reason:
        return reason
    if not _accelerates(feet):
        return _NOT_SHOWN
    fit = fit_positions(feet.time_s, feet.hips[:, 0])
    if fit is None or fit.max_speed_m_s < MIN_TOP_M_S:
        return "the speed does not follow the curve of a sprint"
    first, last = fit.speed_m_s(feet.time_s[[0, -1]]) / fit.max_speed_m_s
    doubt = np.sqrt(np.diag(fit.covariance)[:2]) / [fit.max_speed_m_s, fit.max_acceleration_m_s2]
    if first > FIRST_SHARE or last < LAST_SHARE or doubt.max() > MAX_UNCERTAINTY:
        return _NOT_SHOWN
    return fit


def _accelerates(feet: Feet) -> bool:
    """Whether the hips are much slower in the first part of the clip than in the last part."""
    count = max(len(feet.time_s) // _PARTS, 2)
    first, last = (
        float(np.polyfit(feet.time_s[rows], feet.hips[rows, 0], 1)[0])
        for rows in (slice(0, count), slice(-count, None))
    )
    return first < LAST_SHARE * last


def _values(fit: SprintFit, analysis: Analysis, feet: Feet) -> list[float]:
    mass_kg = analysis.athlete_mass_kg or MASS_KG
    profile = force_velocity(fit.max_speed_m_s, fit.max_acceleration_m_s2, mass_kg, feet.stature_m)
    return [
        fit.max_speed_m_s,
        fit.max_acceleration_m_s2,
        fit.tau_s,
        profile.f0_n / mass_kg,
        profile.v0_m_s,
        profile.max_power_w / mass_kg,
        profile.slope_n_s_m_kg(mass_kg),
        *(fit.time_to_s(distance) for distance in (5.0, 10.0, 20.0, 30.0)),
    ]
