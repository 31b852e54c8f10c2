"""Joint angles per stride: range, maximum, and value at foot contact."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from podium.biomechanics.analysis import Analysis, AngleSeries
from podium.biomechanics.body.angles import Angle, angle_in_plane
from podium.biomechanics.events.find_feet import NOT_SIDEWAYS
from podium.biomechanics.events.gait import Contact, Gait
from podium.biomechanics.events.movement import Movement
from podium.biomechanics.events.repeats import FOOT_SD
from podium.biomechanics.fit.primary import Source
from podium.biomechanics.measures.measure import Measure
from podium.biomechanics.measures.registry import measured
from podium.biomechanics.signals.filters import smooth
from podium.biomechanics.signals.noise import deviation, jitters, lasting, noisy
from podium.biomechanics.signals.timeline import rate_hz
from podium.skeletons import Skeleton
from podium.types import Bool, Float64

_BY_STRIDE = ("hip_flexion", "knee_flexion", "ankle_dorsiflexion")
_AT_CONTACT = (*_BY_STRIDE, "shank")
_FOOT = ("_toe", "_heel", "_foot_index")
_MILDER = 3
"""Cut-off of the filter of the true motion, in those of the filter: at twice, what kinks at contact
lose counts too little."""

_PLANE = "of the angle to read"


@dataclass(frozen=True, slots=True)
class _Statistic:
    """One number of an angle: the mean over samples per stride or contact."""

    suffix: str
    label: str
    method: str
    samples: Callable[[Float64, Float64, Sequence[Contact]], Float64]  # of degrees, time_s


def _strides(degrees: Float64, time_s: Float64, contacts: Sequence[Contact]) -> list[Float64]:
    """The angle from each contact of a foot to the next; strides with gaps are left out."""
    starts = np.searchsorted(time_s, [contact.on_s for contact in contacts])
    parts = (degrees[a:b] for a, b in pairwise(starts.tolist()))
    return [part for part in parts if len(part) > 1 and np.isfinite(part).all()]


def _ranges(degrees: Float64, time_s: Float64, contacts: Sequence[Contact]) -> Float64:
    return np.array([np.ptp(stride) for stride in _strides(degrees, time_s, contacts)])


def _peaks(degrees: Float64, time_s: Float64, contacts: Sequence[Contact]) -> Float64:
    return np.array([stride.max() for stride in _strides(degrees, time_s, contacts)])


def _at_contacts(degrees: Float64, time_s: Float64, contacts: Sequence[Contact]) -> Float64:
    values = np.interp([contact.on_s for contact in contacts], time_s, degrees)
    return np.asarray(values[np.isfinite(values)])


_RANGE = _Statistic(
    "range_deg", "range", f"Mean over strides of greatest less least {_PLANE}.", _ranges
)
_PEAK = _Statistic(
    "peak_deg", "greatest", f"Mean over strides of the greatest value {_PLANE}.", _peaks
)
_CONTACT = _Statistic("at_contact_deg", "at contact", f"Mean over contacts {_PLANE}.", _at_contacts)


@measured(order=55)
def joint_cycles(movement: Movement) -> Iterator[Measure]:
    """Range and peak per stride of the leg joints; angles at contact, also of the trunk."""
    analysis, gait = movement.analysis, movement.gait
    shown = [series for series in analysis.angles if _statistics_of(series.angle)]
    numbers = [(series.angle, each) for series in shown for each in _statistics_of(series.angle)]
    samples = _samples(shown, [series.chosen.degrees for series in shown], analysis, gait)
    doubts = _uncertainty(shown, movement) if samples else np.full(len(numbers), np.nan)
    reason = gait if isinstance(gait, str) else "no whole stride was seen"
    methods = {series.angle.name: _method_sd_deg(series) for series in shown}
    for (angle, statistic), values, doubt in zip(
        numbers, samples or [np.zeros(0)] * len(numbers), doubts.tolist(), strict=True
    ):
        if not analysis.sideways and angle.name not in analysis.fit.angles.names:
            yield _measure(angle, statistic, np.zeros(0), doubt, NOT_SIDEWAYS)
        else:
            yield _measure(angle, statistic, values, np.hypot(doubt, methods[angle.name]), reason)


def _method_sd_deg(series: AngleSeries) -> float:
    """What the fitted body gets wrong on every stride; 0 where the angle is not of the body."""
    fitted = series.chosen.sd_deg[series.chosen.source == Source.FIT]
    return float(np.median(fitted)) if 2 * len(fitted) > len(series.chosen.source) else 0.0


def _statistics_of(angle: Angle) -> tuple[_Statistic, ...]:
    part = angle.name.partition("_")[2]
    if part in _BY_STRIDE:
        return (_RANGE, _PEAK, _CONTACT)
    return (_CONTACT,) if part in _AT_CONTACT or angle.name == "trunk" else ()


def _samples(
    shown: Sequence[AngleSeries], degrees: Sequence[Float64], analysis: Analysis, gait: Gait | str
) -> list[Float64]:
    """The samples of every shown number; empty without a gait."""
    if isinstance(gait, str):
        return []
    time_s = analysis.trajectory.time_s
    return [
        statistic.samples(values, time_s, _own(gait, series.angle))
        for series, values in zip(shown, degrees, strict=True)
        for statistic in _statistics_of(series.angle)
    ]


def _own(gait: Gait, angle: Angle) -> list[Contact]:
    """The contacts of the angle's side; all contacts for an angle of the trunk."""
    side = angle.name.partition("_")[0]
    return [c for c in gait.contacts if side not in ("left", "right") or c.side == side]


def _uncertainty(shown: Sequence[AngleSeries], movement: Movement) -> Float64:
    """Standard uncertainty of every number, from repetitions with noise.

    The result of a milder filter is taken as the true motion. Jitter of the unfiltered key points
    is added to it, and errors of the feet that last, and it is filtered like the key points, so the
    loss by the filter counts, too.
    The moved contacts are taken as the true ones: at them the motion is as sharp as it is.
    """
    analysis = movement.analysis
    time_s, breaks = analysis.trajectory.time_s, analysis.breaks
    used = _used(shown, analysis.skeleton)
    level = analysis.tilt.levelled(analysis.plane.measured[:, used])
    skeleton = analysis.skeleton.part(np.flatnonzero(used).tolist())
    measured_px = level.reshape(len(time_s), -1)

    def degrees(positions: Float64) -> list[Float64]:
        points = positions.reshape(level.shape)
        return [angle_in_plane(series.angle, points, analysis.facing, skeleton) for series in shown]

    def means(degrees: Sequence[Float64], gait: Gait | str) -> list[float]:
        samples = _samples(shown, degrees, analysis, gait)
        return [_mean(values) for values in samples] or [float("nan")] * numbers

    numbers = sum(len(_statistics_of(series.angle)) for series in shown)
    true, _ = smooth(measured_px, time_s, breaks, analysis.smoothing.scaled(_MILDER))
    sd = jitters(measured_px)
    columns = np.arange(measured_px.shape[1]).reshape(level.shape[1:])
    joints = [n for n, name in enumerate(skeleton.joints) if name.endswith(_FOOT)]
    feet = columns[joints].ravel()
    foot_px = FOOT_SD * analysis.trajectory.height_px

    def shaken(number: int) -> Float64:
        points = noisy(true, sd, number)
        points[:, feet] += foot_px * lasting((len(true), len(feet)), rate_hz(time_s), number)
        return smooth(points, time_s, breaks, analysis.smoothing)[0]

    gaits = movement.gait_repeats.gaits if movement.gait_repeats else ()
    true_degrees = degrees(true)
    errors = [
        [found - right for found, right in zip(*pair, strict=True)]
        for pair in (
            (means(degrees(shaken(number)), movement.gait), means(true_degrees, gait))
            for number, gait in enumerate(gaits)
        )
    ]
    return deviation(errors, [0.0] * numbers)


def _used(shown: Sequence[AngleSeries], skeleton: Skeleton) -> Bool:
    """The key points (J,) that the angles depend on; the others are not repeated."""
    used = np.zeros(len(skeleton), bool)
    for series in shown:
        for joint in series.angle.points:
            used[skeleton.columns(joint) or []] = True
    return used


def _mean(samples: Float64) -> float:
    return float(np.mean(samples)) if len(samples) else float("nan")


def _measure(
    angle: Angle, statistic: _Statistic, samples: Float64, doubt_deg: float, reason: str
) -> Measure:
    known = len(samples) > 0
    own = float(np.std(samples, ddof=1)) if len(samples) > 1 else 0.0
    sd = max(doubt_deg, own / np.sqrt(max(len(samples), 1)))
    return Measure(
        name=f"{angle.name}_{statistic.suffix}",
        label=f"{angle.name.replace('_', ' ')}, {statistic.label}",
        unit="deg",
        method=statistic.method,
        value=_mean(samples) if known else None,
        sd=float(sd) if known and np.isfinite(doubt_deg) else None,
        n=len(samples) if known else None,
        reason="" if known else reason,
        digits=1,
    )
