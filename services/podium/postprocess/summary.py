"""The content of ``summary.json``: the clip, the persons, assumptions and warnings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

import podium
from podium.biomechanics.analysis import Analysis
from podium.biomechanics.body.scale import ASSUMPTION
from podium.biomechanics.events.find_feet import NOT_SIDEWAYS
from podium.biomechanics.events.gait import NO_GAIT
from podium.biomechanics.fit.primary import Source
from podium.biomechanics.measures.measure import Measure
from podium.biomechanics.measures.registry import Measured
from podium.biomechanics.signals.timeline import rate_hz
from podium.postprocess.coverage import better_pipeline, coverage_warnings
from podium.postprocess.frame_results import Clip
from podium.postprocess.measure_list import UNKNOWN, count
from podium.postprocess.measured_clip import MeasuredClip
from podium.schemas.corrections import CorrectionFile
from podium.schemas.summary import (
    AppliedOptions,
    FrameCounts,
    MeasureSummary,
    PersonSummary,
    SeriesSummary,
    Summary,
)

WORTH_SAYING = 0.05

MOVING_CAMERA = (
    "The camera moves: there are no speeds and lengths of steps. Film with a camera that stands."
)
LOST_CAMERA = " It moves too far or too fast to be followed, so no body was fitted."

CONVENTIONS = (
    "Pixels: x to the right, y down, from the centre of the top left pixel. Metres of the plane: "
    "the same axes. 3D metres: camera axes, from the middle of the hips.",
    "Angles in degrees: dorsiflexion and flexion positive, straight limbs 0. Joint angles are "
    "those of a fitted body, or in a side view those in the image plane; angle_source says which. "
    "Segments are in the image plane, as if the athlete faced right, from the horizontal, "
    "anticlockwise positive.",
    "Velocities and accelerations are derivatives of filtered positions only.",
    "The standard uncertainty of a measure (sd) counts the noise of the key points, the frame "
    "rate, the filter, the method of the events and the scale; it does not count errors that the "
    "pose model makes on every frame alike.",
)


def summary_of(measured: MeasuredClip, notes: Sequence[str] = ()) -> Summary:
    """The content of ``summary.json``.

    Args:
        measured: The clip.
        notes: Further notes for the reader.
    """
    clip, persons, options = measured.clip, measured.athletes, measured.options
    frames = clip.frames
    summary = Summary(
        podium_version=podium.__version__,
        pipeline=clip.result.pipeline,
        models=clip.result.models,
        skeleton=clip.skeleton.name,
        source=clip.result.source,
        options=AppliedOptions(**options.model_dump(exclude={"corrections"})),
        frames=FrameCounts(
            first=int(frames.frame_index[0]) if len(frames) else None,
            last=int(frames.frame_index[-1]) if len(frames) else None,
            count=len(frames),
            rate_hz=round(rate_hz(frames.time_s), 4),
            with_person=clip.status["ok"],
            without_person=clip.status["no_person"],
            undecodable=clip.status["decode_error"],
            failed=clip.status["failed"],
            missing=int((~frames.covered).sum()),
        ),
        persons_found=len(measured.found),
        persons=[_person(person, len(frames)) for person in persons],
        data_points=count(measured.listed),
        assumptions=[ASSUMPTION] if any(p.analysis.scale.m_per_px for p in persons) else [],
        conventions=list(CONVENTIONS),
    )
    coverage = coverage_warnings(
        measured.found,
        [p.person for p in summary.persons],
        len(frames),
        str(options.model_dump()["athlete"]),
    )
    coverage += better_pipeline(
        measured.found, len(frames), clip.result.source.height, clip.result.models
    )
    by_hand = list(_by_hand(measured.corrections, [p.person for p in summary.persons]))
    warnings = [*coverage, *by_hand, *_warnings(summary, persons, clip), *notes]
    return summary.model_copy(update={"warnings": warnings})


def _by_hand(corrections: CorrectionFile, analysed: Sequence[int]) -> Iterator[str]:
    """What was corrected by hand, and where the corrections are."""
    if corrections.athletes is not None:
        persons = ", ".join(str(person) for person in sorted(set(corrections.athletes)))
        yield f"The athlete was chosen by hand: person {persons} (corrections.json)."
    for each in map(corrections.of, analysed):
        counts = {"event": len(each.events), "key point": len(each.keypoints)}
        parts = [f"{n} {what}{'s' * (n != 1)}" for what, n in counts.items() if n]
        if parts:
            verb = "was" if sum(counts.values()) == 1 else "were"
            yield (
                f"Person {each.person}: {' and '.join(parts)} {verb} corrected by hand "
                "(corrections.json)."
            )


def _person(person: Measured, clip_frames: int) -> PersonSummary:
    analysis = person.analysis
    trajectory, plane = analysis.trajectory, analysis.plane
    seen = int(np.isfinite(trajectory.scores).sum())
    scores = trajectory.keypoints[..., 2]
    known_scores = scores[np.isfinite(scores)]
    return PersonSummary(
        person=trajectory.person,
        first_frame=int(trajectory.frame_index[0]),
        last_frame=int(trajectory.frame_index[-1]),
        first_time_s=round(float(trajectory.time_s[0]), 4),
        last_time_s=round(float(trajectory.time_s[-1]), 4),
        frames_seen=seen,
        detection_ratio=round(seen / clip_frames, 4),
        frame_rate_hz=round(rate_hz(trajectory.time_s), 4),
        mean_keypoint_score=_rounded(known_scores.mean() if len(known_scores) else None, 4),
        body_exchanged=int(analysis.exchanges.body.sum()),
        legs_exchanged=int(analysis.exchanges.legs.sum()),
        arms_exchanged=int(analysis.exchanges.arms.sum()),
        keypoints_filled=int(plane.filled.sum()),
        keypoints_rejected=int(plane.outliers.sum()),
        keypoints_unfiltered=int((np.isfinite(plane.positions[..., 0]) & ~plane.filtered).sum()),
        facing="right" if analysis.facing.sum() >= 0 else "left",
        side_view=analysis.sideways,
        turns=int((np.diff(analysis.facing) != 0).sum()),
        scale_source=analysis.scale.source,
        m_per_px=_rounded(analysis.scale.m_per_px, 8),
        standing_height_px=_rounded(analysis.scale.athlete_height_px, 2),
        measures={m.name: _number(m) for m in person.measures if not m.is_series},
        series={m.name: _range(m) for m in person.measures if m.is_series},
    )


def _number(measure: Measure) -> MeasureSummary:
    return MeasureSummary(
        label=measure.label,
        unit=measure.unit,
        value=_rounded(measure.value, measure.digits + 2),
        sd=_rounded(measure.sd, measure.digits + 3),
        n=measure.n,
        method=measure.method,
        reason=measure.reason or None,
        digits=measure.digits,
        headline=measure.shown == "first",
    )


def _range(measure: Measure) -> SeriesSummary:
    known = measure.known
    lowest, mean, highest = (
        (known.min(), known.mean(), known.max()) if len(known) else (None, None, None)
    )
    return SeriesSummary(
        label=measure.label,
        unit=measure.unit,
        min=_rounded(lowest, measure.digits),
        mean=_rounded(mean, measure.digits),
        max=_rounded(highest, measure.digits),
        n=len(known),
        sd=_rounded(measure.sd, measure.digits + 2),
        method=measure.method,
        reason=None if len(known) else measure.reason or UNKNOWN,
        digits=measure.digits,
    )


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(float(value), digits)


def _warnings(summary: Summary, persons: Sequence[Measured], clip: Clip) -> list[str]:
    """Warnings for the reader of the numbers, the most important first."""
    counts, options = summary.frames, summary.options
    warnings = []
    if not counts.count:
        warnings.append("The results hold no frames: there is nothing to analyse.")
    elif not summary.persons_found:
        warnings.append("No person was found on any frame: the tables are empty.")
    if not summary.source.complete:
        warnings.append("The source ends before the frames that it declares.")
    for lost, what in (
        (counts.undecodable, "could not be decoded"),
        (counts.failed, "failed in the pipeline"),
        (counts.missing, "are in no batch of the results"),
    ):
        if lost:
            warnings.append(f"{lost} of {counts.count} frames {what}.")
    rate = counts.rate_hz
    if options.filter in ("butterworth", "savgol") and 0 < rate <= 2 * options.cutoff_hz:
        warnings.append(
            f"At {rate:g} frames/s nothing was filtered, so there are no velocities: the cut-off "
            f"of {options.cutoff_hz:g} Hz needs more than {2 * options.cutoff_hz:g} frames/s."
        )
    if clip.camera is not None and clip.camera.moves:
        warnings.append(MOVING_CAMERA + ("" if clip.camera.can_be_removed else LOST_CAMERA))
    for person, measured in zip(summary.persons, persons, strict=True):
        warnings += _warnings_of_person(person, measured.analysis)
        warnings += _missing_steps(person, measured)
    return [*warnings, *clip.degraded]


def _missing_steps(person: PersonSummary, measured: Measured) -> list[str]:
    """Why somebody who moves has no steps, if another clip would show them."""
    gait = measured.movement.gait
    if not isinstance(gait, str) or gait == NO_GAIT or gait.startswith(NOT_SIDEWAYS):
        return []
    return [f"Person {person.person}: no steps and contacts: {gait}."]


def _warnings_of_person(person: PersonSummary, analysis: Analysis) -> list[str]:
    name = f"Person {person.person}"
    warnings = []
    warnings += [f"{name}: {note}" for note in analysis.fit.notes]
    warnings += [f"{name}: {text}" for text in _missing_angles(analysis)]
    floor = analysis.floor
    if floor.is_tilted and not analysis.tilt.said:
        warnings.append(
            f"{name}: the floor is tilted by {floor.tilt_deg:.1f} degrees in the picture (± "
            f"{1.96 * (floor.sd_deg or 0):.1f}). It is taken for a tilt of the camera: angles and "
            "heights are as a level one sees them. If the ground slopes, give a camera tilt of 0."
        )
    if person.scale_source == "3d_landmarks":
        warnings.append(
            f"{name}: metres come from the size that the 3D model gives the athlete, which can be "
            "wrong by 5 % and more; give the athlete's height or a known distance for better ones."
        )
    if person.turns:
        warnings.append(f"{name} turns round; angles follow the direction that they face.")
    if person.frames_seen > 1 and not np.isfinite(analysis.velocity).any():
        warnings.append(f"{name} is seen too briefly or too patchily for velocities.")
    return warnings


def _missing_angles(analysis: Analysis) -> list[str]:
    """Why there are no knee angles, if that concerns many frames."""
    knees = [s.chosen for s in analysis.angles if s.angle.name.endswith("knee_flexion")]
    reasons = {chosen.reason for chosen in knees if chosen.reason}
    missing = float(np.mean([chosen.source == Source.NONE for chosen in knees])) if knees else 0.0
    if missing < WORTH_SAYING:
        return []
    return [f"no angles of the knees on {missing:.0%} of the frames: {r}." for r in sorted(reasons)]
