"""Chooses the numbers and plots for ``report.html``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from podium.biomechanics.analysis import Analysis
from podium.biomechanics.measures.measure import Measure
from podium.biomechanics.measures.registry import Measured
from podium.postprocess.frame_results import Clip
from podium.postprocess.measured_clip import MeasuredClip
from podium.render import plots
from podium.render.report import NumberRow, PersonReport, RangeRow, Report, Section
from podium.schemas.summary import (
    AppliedOptions,
    MeasureSummary,
    PersonSummary,
    SeriesSummary,
    Summary,
)
from podium.types import Float64, Int64

MAX_PERSONS = 4
MAX_FRAMES = 8
FRAME_WIDTH_PX = 520
STICKS = 12

FILES = {
    "keypoints.csv": "raw and filtered key points, a row per person, frame and key point",
    "biomechanics.csv": "positions, velocities, accelerations and angles per person and frame",
    "measures.csv": "every measure that is one number, with its uncertainty and method",
    "events.csv": "contacts, toe-offs, take-offs and landings",
    "cycles.csv": "joint angles over every stride in 101 points, with mean and standard deviation",
    "measures.json": "every measure by name: unit, method, value or the reason that there is none",
    "summary.json": "the numbers of this page, options, assumptions and warnings",
    "motion.json": "what the viewer shows; `podium view` opens it with the video",
    "overlay.mp4": "the clip with the skeletons drawn in",
    "overlay/": "pictures of single frames with the skeletons drawn in",
}
_SCALE_SOURCES = {
    "known_distance": "from a known distance",
    "athlete_height": "from the athlete's height",
    "3d_landmarks": "from the 3D key points",
    "none": "unknown",
}


def report_of(
    measured: MeasuredClip, summary: Summary, pictures: Mapping[int, Path], written: Sequence[str]
) -> Report:
    """Make the contents of the report.

    Args:
        measured: The clip.
        summary: Content of ``summary.json``.
        pictures: Frame index -> overlay picture.
        written: Names of the other files.
    """
    order = sorted(
        zip(measured.athletes, summary.persons, strict=True), key=lambda p: -p[1].frames_seen
    )
    notes = [*summary.assumptions, *summary.conventions]
    if len(order) > MAX_PERSONS:
        notes.insert(0, f"The {MAX_PERSONS} persons seen longest are shown; the tables have all.")
    chosen = np.linspace(0, len(pictures) - 1, min(MAX_FRAMES, len(pictures))).round().astype(int)
    items = [list(pictures.items())[i] for i in chosen]
    with ThreadPoolExecutor(thread_name_prefix="thumbnails") as executor:
        thumbnails = executor.map(_thumbnail, [path for _, path in items])  # beside the plots
        persons = [_person(athlete, person) for athlete, person in order[:MAX_PERSONS]]
        frames = [(f"frame {i}", jpeg) for (i, _), jpeg in zip(items, thumbnails, strict=True)]
    return Report(
        title=f"Motion report: {measured.name}",
        facts=_facts(measured.clip, summary),
        persons=persons,
        frames=frames,
        warnings=summary.warnings,
        notes=notes,
        files=[
            (name, contents)
            for name, contents in FILES.items()
            if any(file.startswith(name) for file in written)
        ],
    )


def _facts(clip: Clip, summary: Summary) -> list[tuple[str, str]]:
    source, frames = summary.source, summary.frames
    facts = [("Pipeline", clip.result.pipeline)]
    facts += [("Picture", f"{source.width} x {source.height} pixels")]
    if source.fps:
        facts.append(
            ("Source", f"{source.frame_count} frames, {source.duration_s:.2f} s, {source.fps:g}/s")
        )
    span = f"{frames.count}"
    if frames.count > 1:
        span += f" ({frames.first} to {frames.last}, {frames.rate_hz:g}/s)"
    facts += [
        ("Frames analysed", span),
        ("Frames with a person", str(frames.with_person)),
        ("Persons", f"{summary.persons_found} found, {len(summary.persons)} analysed"),
        ("Data points", f"{summary.data_points.known:,} known"),
        ("Models", ", ".join(f"{stage}: {name}" for stage, name in summary.models.items())),
        ("Key points", f"{clip.skeleton.name}, {len(clip.skeleton)} per person"),
        ("Filter", _filter(summary.options)),
        ("Podium", summary.podium_version),
    ]
    return [(label, value) for label, value in facts if value]


def _filter(options: AppliedOptions) -> str:
    gaps = f"gaps up to {options.max_gap_frames} frames filled"
    if options.filter == "none":
        return f"none; {gaps}"
    if options.filter == "gcv_spline":
        return f"spline by generalised cross-validation; {gaps}"
    return f"{options.filter.replace('_', ' ')}, {options.cutoff_hz:g} Hz; {gaps}"


def _person(measured: Measured, person: PersonSummary) -> PersonReport:
    first = [m for m in person.measures.values() if m.headline and m.value is not None]
    scale_mm = None if person.m_per_px is None else person.m_per_px * 1000
    tiles = [
        *((m.label, _value(m.value, m.unit, m.digits)) for m in first),
        ("Frames seen", f"{person.frames_seen} ({person.detection_ratio:.0%})"),
        ("Mean key point score", _value(person.mean_keypoint_score, "", 2)),
        ("Key points filled in", str(person.keypoints_filled)),
        ("Outliers removed", str(person.keypoints_rejected)),
        ("Facing", person.facing),
        (f"Scale, {_SCALE_SOURCES[person.scale_source]}", _value(scale_mm, "mm/px", 2)),
    ]
    return PersonReport(
        title=f"Person {person.person}",
        tiles=[(label, value) for label, value in tiles if value],
        numbers=[_number_row(m) for m in person.measures.values()],
        ranges=[_range_row(s) for s in person.series.values() if s.n],
        sections=_sections(measured),
    )


def _number_row(measure: MeasureSummary) -> NumberRow:
    return NumberRow(
        label=measure.label,
        value=_value(measure.value, measure.unit, measure.digits),
        sd=_value(measure.sd, "", measure.digits + 1),
        n="" if measure.n is None else str(measure.n),
        method=measure.method,
        reason=measure.reason or "",
    )


def _range_row(series: SeriesSummary) -> RangeRow:
    low, mean, high = (_value(v, "", 1) for v in (series.min, series.mean, series.max))
    return RangeRow(series.label, series.unit, low, mean, high)


def _sections(measured: Measured) -> list[Section]:
    analysis = measured.analysis
    time_s = analysis.trajectory.time_s
    sections = []
    at = _spread_rows(analysis.plane.positions, STICKS)
    labels = [f"{time_s[t]:.2f} s" for t in at]
    if len(at):
        sticks = plots.stick_sequence(analysis.skeleton, analysis.plane.positions[at], labels)
        sections.append(Section("Stick figures over time", [sticks], wide=True, on_paper=True))
    if len(time_s) > 1:
        moving = _plots(analysis, measured.measures)
        sections.append(
            Section(
                "Over time",
                moving,
                on_paper=True,
                note="Solid blue: left. Dashed orange: right. An upright trunk is at 90.",
            )
        )
    at = _spread_rows(analysis.space, 2)
    if len(at):
        labels = [f"{time_s[t]:.2f} s" for t in at]
        space = plots.stick_3d(analysis.skeleton, analysis.space[at], labels)
        sections.append(Section("3D stick figures", [space], wide=True))
    if len(time_s) > 1:
        scores = plots.score_map(analysis.skeleton, time_s, analysis.trajectory.keypoints[..., 2])
        sections.append(Section("How sure the model is of each key point", [scores], wide=True))
    return sections


def _plots(analysis: Analysis, measures: Sequence[Measure]) -> list[str]:
    """A plot for each plot title among the measures with values."""
    groups: dict[str, list[Measure]] = {}
    for measure in measures:
        if measure.plot and len(measure.known):
            groups.setdefault(measure.plot, []).append(measure)
    return [
        plots.curves(
            title,
            group[0].unit,
            analysis.trajectory.time_s,
            {_curve_label(m, group): _without_jumps(m) for m in group},
            from_zero=all(m.known.min() >= 0 for m in group) and group[0].unit != "deg",
        )
        for title, group in groups.items()
    ]


def _curve_label(measure: Measure, group: Sequence[Measure]) -> str:
    """The side, if the measures of a plot differ by it, else the label of the measure."""
    side, _, rest = measure.name.partition("_")
    sides = {m.name.partition("_")[0] for m in group if m.name.endswith(f"_{rest}")}
    return side if side in ("left", "right") and sides <= {"left", "right"} else measure.label


def _without_jumps(measure: Measure) -> Float64:
    """The curve; an angle gets a gap where it wraps from one end of its range to the other."""
    values = np.array([] if measure.values is None else measure.values, float)
    if measure.unit != "deg":
        return values
    jump = np.append(False, np.abs(np.diff(values)) > 180)
    return np.where(jump, np.nan, values)


def _spread_rows(positions: Float64, count: int) -> Int64:
    """Up to ``count`` evenly spaced rows with most key points known."""
    known = np.isfinite(positions[..., 0]).mean(axis=1) >= 0.5
    rows = np.flatnonzero(known)
    if not len(rows):
        return rows
    return np.unique(rows[np.linspace(0, len(rows) - 1, count).round().astype(int)])


def _thumbnail(path: Path) -> bytes:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        return b""
    ratio = FRAME_WIDTH_PX / picture.shape[1]
    if ratio < 1:
        picture = cv2.resize(picture, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 82])
    return jpeg.tobytes()


def _value(value: float | None, unit: str, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f} {unit}".strip()
