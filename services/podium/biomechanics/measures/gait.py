"""Steps and strides of walking and running: means over the clip."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from podium.biomechanics.body.scale import Scale
from podium.biomechanics.events.feet import SIDES, Feet
from podium.biomechanics.events.find_feet import NOT_SIDEWAYS
from podium.biomechanics.events.gait import G_M_S2, Gait
from podium.biomechanics.events.movement import Movement
from podium.biomechanics.events.repeats import GaitRepeats
from podium.biomechanics.events.steps import Step, Stride, at_contact, steps_of, strides_of
from podium.biomechanics.measures.joints import NO_SCALE
from podium.biomechanics.measures.measure import Measure, Shown
from podium.biomechanics.measures.registry import measured
from podium.biomechanics.signals.noise import deviation
from podium.biomechanics.signals.peaks import low_pass
from podium.biomechanics.signals.timeline import runs
from podium.types import Float64

_OSCILLATION_HZ = {"walk": 6.0, "run": 12.0}
"""Cut-off for the height of the centre of mass: three times the steps."""

OSCILLATION_SD = 0.006
"""What a pose model gets wrong of the vertical oscillation on every stride, above all by the far
arm, in heights: it was 14 mm too small to 12 mm too large on seven rendered clips."""

_NO_FOCAL = (
    f"{NOT_SIDEWAYS}: ways towards the camera need its focal length; give the camera's intrinsics"
)

_TOO_FEW = "too few contacts were found"

_CONTACTS = {
    "walk": "Contacts by Zeni et al. 2008",
    "run": "Contacts by the vertical acceleration of the toe (after Handsaker et al. 2016)",
}


Needs = Literal["times", "ways", "metres", "centre of mass"]
"""What a quantity is made of: times alone, also a ratio of ways on the ground, lengths, or lengths
from the centre of mass."""


@dataclass(frozen=True, slots=True)
class Observed:
    """The input of the quantities."""

    gait: Gait
    feet: Feet
    steps: Sequence[Step]
    strides: Sequence[Stride]

    def of_steps(self, value: Callable[[Step], float], side: str = "") -> Float64:
        """A value of every step, or of the steps of one side."""
        return np.array([value(step) for step in self.steps if side in ("", step.side)])

    def contact_s(self, side: str = "") -> Float64:
        """Durations of the contacts."""
        contacts = self.gait.contacts
        return np.array([c.off_s - c.on_s for c in contacts if side in ("", c.side)])

    def of_strides(self, value: Callable[[Stride], float]) -> Float64:
        """A value of every stride."""
        return np.array([value(stride) for stride in self.strides])


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number of a gait: the mean over samples."""

    name: str
    label: str
    unit: str
    samples: Callable[[Observed], Float64]
    method: str
    digits: int = 3
    kinds: tuple[str, ...] = ("walk", "run")
    shown: Shown = "report"
    needs: Needs = "times"
    model_sd: float = 0.0  # what a pose model gets wrong on every stride, in heights

    @property
    def is_metric(self) -> bool:
        """Whether it is a length or a speed, so that the error of the scale is in it."""
        return self.needs in ("metres", "centre of mass")


def _contact_s(seen: Observed) -> Float64:
    return seen.contact_s()


def _gap_s(seen: Observed) -> Float64:
    return seen.of_steps(lambda step: step.between_s)


def _mean_known(samples: Float64) -> float:
    known = samples[np.isfinite(samples)]
    return float(known.mean()) if len(known) else float("nan")


def _peak_force(seen: Observed) -> Float64:
    """Peak vertical force over body weight: pi/2 (flight / contact + 1) (Morin et al. 2005)."""
    contact_s, flight_s = _mean_known(seen.contact_s()), _mean_known(_gap_s(seen))
    return np.array([np.pi / 2 * (flight_s / contact_s + 1)])


def _stiffness(seen: Observed) -> Float64:
    """Vertical stiffness per kilogram (Morin et al. 2005)."""
    contact_s = _mean_known(seen.contact_s())
    force_m_s2 = _peak_force(seen)[0] * G_M_S2
    sink_m = force_m_s2 * contact_s**2 / np.pi**2 - G_M_S2 * contact_s**2 / 8
    return np.array([force_m_s2 / sink_m])


def _oscillation_m(seen: Observed) -> Float64:
    """Range of the height of the centre of mass in every stride."""
    feet, rate = seen.feet, seen.feet.rate_hz
    if feet.mass_centre is None:
        return np.zeros(0)
    up = feet.mass_centre[:, 1].copy()
    for rows, _ in runs(np.isfinite(up)[:, None], np.zeros(len(up), bool)):
        up[rows] = low_pass(up[rows], rate, _OSCILLATION_HZ[seen.gait.kind])
    starts = [contact.on_s for contact in seen.gait.contacts]
    strides = [up[feet.rows(a, b)] for a, b in zip(starts, starts[2:], strict=False)]
    return np.array([np.ptp(stride) for stride in strides if len(stride)])


def _ahead_m(seen: Observed) -> Float64:
    """Distance of the toe ahead of the centre of mass at contact."""
    if seen.feet.mass_centre is None:
        return np.zeros(0)
    ahead = [
        at_contact(seen.feet.toes[side][:, 0] - seen.feet.mass_centre[:, 0], seen.gait, seen.feet)
        for side in SIDES
    ]
    return np.concatenate([values[side] for values, side in zip(ahead, SIDES, strict=True)])


def _symmetry(samples: Callable[[Observed, str], Float64]) -> Callable[[Observed], Float64]:
    """200 (right - left) / (right + left), of the means (Robinson, Herzog & Nigg 1987)."""

    def index(seen: Observed) -> Float64:
        left, right = (samples(seen, side) for side in SIDES)
        mean_left, mean_right = _mean_known(left), _mean_known(right)
        return np.array([200 * (mean_right - mean_left) / (mean_right + mean_left)])

    return index


def _sided() -> Iterator[Quantity]:
    named = "Mean; a step is named by the foot that lands."
    parts: tuple[tuple[str, str, str, Callable[[Observed, str], Float64], str], ...] = (
        ("step_time_s", "Step time", "s", lambda o, s: o.of_steps(lambda p: p.time_s, s), named),
        ("step_length_m", "Step length", "m", lambda o, s: o.of_steps(lambda p: p.length_m, s),
         named),
        ("contact_time_s", "Contact time", "s", Observed.contact_s, "Mean over contacts."),
    )  # fmt: skip
    for name, label, unit, samples, method in parts:
        stem, _, suffix = name.rpartition("_")
        for side in SIDES:
            yield Quantity(
                f"{side}_{stem}_{suffix}", f"{label}, {side}", unit,
                lambda seen, samples=samples, side=side: samples(seen, side),  # type: ignore[misc]
                method, needs="metres" if unit == "m" else "times",
            )  # fmt: skip
        yield Quantity(
            f"{stem}_symmetry_percent", f"{label}, right against left", "%", _symmetry(samples),
            "200 (right - left) / (right + left) of the means (Robinson, Herzog & Nigg 1987).",
            digits=1, needs="ways" if unit == "m" else "times",
        )  # fmt: skip


QUANTITIES = (
    Quantity("cadence_steps_min", "Cadence", "steps/min",
             lambda o: 60 / o.of_steps(lambda step: step.time_s),
             "60 over the mean time of a step.", digits=1, shown="first"),
    Quantity("step_time_s", "Step time", "s", lambda o: o.of_steps(lambda step: step.time_s),
             "From a contact to the next one of the other foot."),
    Quantity("step_length_m", "Step length", "m", lambda o: o.of_steps(lambda step: step.length_m),
             "Distance between the places where the toes stand; on a treadmill speed by time.",
             needs="metres", shown="first"),
    Quantity("stride_time_s", "Stride time", "s", lambda o: o.of_strides(lambda s: s.time_s),
             "From a contact to the next one of the same foot."),
    Quantity("stride_length_m", "Stride length", "m", lambda o: o.of_strides(lambda s: s.length_m),
             "Distance between the places where the toe stands; on a treadmill speed by time.",
             needs="metres"),
    Quantity("gait_speed_m_s", "Speed by steps", "m/s",
             lambda o: o.of_steps(lambda step: step.length_m / step.time_s),
             "Mean of step length over step time.", needs="metres", digits=2),
    Quantity("contact_time_s", "Contact time", "s", _contact_s,
             "From contact to toe-off; in walking the stance.", shown="first"),
    Quantity("swing_time_s", "Swing time", "s", lambda o: o.of_strides(lambda s: s.swing_s),
             "From toe-off to the next contact of the same foot."),
    Quantity("duty_factor", "Duty factor", "",
             lambda o: o.of_strides(lambda s: s.contact_s / s.time_s),
             "Contact time over stride time."),
    Quantity("flight_time_s", "Flight time", "s", _gap_s,
             "From toe-off to the contact of the other foot.", kinds=("run",), shown="first"),
    Quantity("double_support_time_s", "Double support", "s", lambda o: -_gap_s(o),
             "From the contact of one foot to the toe-off of the other.", kinds=("walk",)),
    *_sided(),
    Quantity("foot_ahead_at_contact_m", "Toe before the centre of mass at contact", "m", _ahead_m,
             "Horizontal distance in the image plane; centre of mass by de Leva 1996.",
             needs="centre of mass"),
    Quantity("vertical_oscillation_m", "Vertical oscillation", "m", _oscillation_m,
             "Range of the height of the centre of mass (de Leva 1996) within a stride.",
             needs="centre of mass", model_sd=OSCILLATION_SD),
    Quantity("peak_force_estimate_bw", "Peak vertical force, estimated", "body weights",
             _peak_force,
             "Estimate, not measured: pi/2 (flight / contact + 1) (Morin et al. 2005).",
             kinds=("run",), digits=2),
    Quantity("vertical_stiffness_estimate_n_m_kg", "Vertical stiffness, estimated", "N/m/kg",
             _stiffness,
             "Estimate, not measured: spring-mass model of contact and flight (Morin et al. 2005).",
             kinds=("run",), digits=1),
)  # fmt: skip


@measured(order=50)
def gait(movement: Movement) -> Iterator[Measure]:
    """Cadence, steps, strides, contacts, symmetry."""
    scale = movement.analysis.scale
    found = _observe(movement.gait, movement.feet)
    if isinstance(found, str):
        for quantity in QUANTITIES:
            yield _missing(quantity, found)
        return
    uncertain = _uncertainty(found, movement.gait_repeats)
    for quantity, noise in zip(QUANTITIES, uncertain, strict=True):
        samples = _samples(quantity, found)
        lacking = _lacking(quantity, found, scale)
        if lacking or not len(samples):
            yield _missing(quantity, lacking or _TOO_FEW)
        else:
            value = _mean(quantity, samples)
            scaling = value * found.feet.length_sd if quantity.is_metric else 0.0
            model = quantity.model_sd * found.feet.stature_m
            yield Measure(
                name=quantity.name,
                label=quantity.label,
                unit=quantity.unit,
                method=f"{quantity.method} {_contacts(found)}.",
                value=value,
                sd=float(np.hypot(noise, np.hypot(scaling, model))) if np.isfinite(noise) else None,
                n=len(samples),
                digits=quantity.digits,
                shown=quantity.shown,
            )


def _lacking(quantity: Quantity, seen: Observed, scale: Scale) -> str:
    """Why this gait, seen like this, does not have the quantity; empty: it has."""
    feet, kind = seen.feet, seen.gait.kind
    if kind not in quantity.kinds:
        return f"the athlete {kind}s"
    if quantity.is_metric and feet.forward == "picture" and scale.m_per_px is None:
        return NO_SCALE
    if quantity.needs != "times" and not np.isfinite(feet.length_sd):
        return _NO_FOCAL
    if quantity.needs == "centre of mass" and feet.mass_centre is None:
        return f"{NOT_SIDEWAYS}, and the fitted body has no head"
    if quantity.needs == "centre of mass" and not len(_samples(quantity, seen)):
        return "a part of the body is not seen throughout a stride" if seen.strides else _TOO_FEW
    return ""


def _contacts(seen: Observed) -> str:
    body = " of the fitted body" if seen.feet.forward == "body" else ""
    contacts = _CONTACTS[seen.gait.kind]
    if seen.gait.heel_first:
        contacts = contacts.replace("the toe", "the heel")
    return contacts + body + ", corrected by hand" * seen.gait.corrected


def _missing(quantity: Quantity, reason: str) -> Measure:
    return Measure(
        name=quantity.name,
        label=quantity.label,
        unit=quantity.unit,
        method=quantity.method,
        reason=reason,
        digits=quantity.digits,
        shown=quantity.shown,
    )


def _observe(gait: Gait | str, feet: Feet | str) -> Observed | str:
    if isinstance(gait, str) or isinstance(feet, str):
        return str(gait)
    steps = steps_of(gait, feet)
    if not steps:
        return "no two contacts of alternate feet were found"
    return Observed(gait, feet, steps, strides_of(gait, feet))


def _samples(quantity: Quantity, seen: Observed) -> Float64:
    samples = quantity.samples(seen)
    return samples[np.isfinite(samples)]


def _mean(quantity: Quantity, samples: Float64) -> float:
    if quantity.unit == "steps/min":  # from the mean of times
        return float(1 / np.mean(1 / samples))
    return float(np.mean(samples))


def _uncertainty(seen: Observed, repeats: GaitRepeats | None) -> Float64:
    """Standard uncertainty of every quantity: noise, frame rate, and the method of the events."""
    if repeats is None:
        return np.full(len(QUANTITIES), np.nan)
    repeated = []
    for number, gait in enumerate(repeats.gaits):
        again = _observe(gait, repeats.tracks(number))
        same = not isinstance(again, str) and again.gait.kind == seen.gait.kind
        repeated.append(_means(again if same else None))
    return deviation(repeated, _means(seen))


def _means(seen: Observed | str | None) -> list[float]:
    """All quantities; NaN where unknown."""
    if not isinstance(seen, Observed):
        return [float("nan")] * len(QUANTITIES)
    samples = [(quantity, _samples(quantity, seen)) for quantity in QUANTITIES]
    return [_mean(q, values) if len(values) else float("nan") for q, values in samples]
