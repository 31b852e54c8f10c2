"""``report.html``: which numbers and plots it shows of an analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from podium.biomechanics.analysis import Analysis
from podium.biomechanics.measures.metrics import hip_speed_px_s
from podium.postprocess.frame_results import Clip
from podium.render import plots
from podium.render.report import PersonReport, Report, Section
from podium.types import Float64, Int64

MAX_PERSONS = 4
MAX_FRAMES = 8
FRAME_WIDTH_PX = 520
STICKS = 12

FILES = {
    "keypoints.csv": "raw and filtered key points, a row per person, frame and key point",
    "biomechanics.csv": "positions, velocities, accelerations and angles per person and frame",
    "summary.json": "the numbers of this page, options, assumptions and warnings",
    "overlay.mp4": "the clip with the skeletons drawn in",
    "overlay/": "pictures of single frames with the skeletons drawn in",
}
_ANGLE_PLOTS = ("knee_flexion", "hip_flexion", "ankle_dorsiflexion", "elbow_flexion", "trunk")


def report_of(
    clip: Clip,
    analyses: Sequence[Analysis],
    summary: dict[str, Any],
    pictures: Mapping[int, Path],
    written: Sequence[str],
) -> Report:
    """Choose and word the contents of the report.

    Args:
        clip: The merged results.
        analyses: Of the chosen persons.
        summary: Content of ``summary.json``.
        pictures: Frame index -> overlay picture.
        written: Names of the other files.
    """
    order = sorted(
        zip(analyses, summary["persons"], strict=True), key=lambda p: -p[1]["frames_seen"]
    )
    notes = [*summary["assumptions"], *summary["conventions"]]
    if len(order) > MAX_PERSONS:
        notes.insert(0, f"The {MAX_PERSONS} persons seen longest are shown; the tables have all.")
    chosen = np.linspace(0, len(pictures) - 1, min(MAX_FRAMES, len(pictures))).round().astype(int)
    items = list(pictures.items())
    return Report(
        title=f"Motion report: {clip.result.pipeline}",
        facts=_facts(clip, summary),
        persons=[_person(analysis, numbers) for analysis, numbers in order[:MAX_PERSONS]],
        frames=[(f"frame {items[i][0]}", _thumbnail(items[i][1])) for i in chosen],
        warnings=summary["warnings"],
        notes=notes,
        files=[
            (name, contents)
            for name, contents in FILES.items()
            if any(file.startswith(name) for file in written)
        ],
    )


def _facts(clip: Clip, summary: dict[str, Any]) -> list[tuple[str, str]]:
    source, frames, options = clip.result.source, summary["frames"], summary["options"]
    facts = [("Picture", f"{source.width} x {source.height} pixels")]
    if source.fps:
        facts.append(
            ("Source", f"{source.frame_count} frames, {source.duration_s:.2f} s, {source.fps:g}/s")
        )
    span = f"{frames['count']}"
    if frames["count"] > 1:
        span += f" ({frames['first']} to {frames['last']}, {frames['rate_hz']:g}/s)"
    facts += [
        ("Frames analysed", span),
        ("Frames with a person", str(frames["with_person"])),
        ("Persons", f"{summary['persons_found']} found, {len(summary['persons'])} analysed"),
        ("Models", ", ".join(f"{stage}: {name}" for stage, name in clip.result.models.items())),
        ("Key points", f"{clip.skeleton.name}, {len(clip.skeleton)} per person"),
        ("Filter", _filter(options)),
        ("Podium", summary["podium_version"]),
    ]
    return [(label, value) for label, value in facts if value]


def _filter(options: dict[str, Any]) -> str:
    gaps = f"gaps up to {options['max_gap_frames']} frames filled"
    if options["filter"] == "none":
        return f"none; {gaps}"
    return f"{options['filter'].replace('_', ' ')}, {options['cutoff_hz']:g} Hz; {gaps}"


def _person(analysis: Analysis, numbers: dict[str, Any]) -> PersonReport:
    source = {
        "athlete_height": "from the athlete's height",
        "3d_landmarks": "from the 3D key points",
        "none": "unknown",
    }[numbers["scale_source"]]
    tiles = [
        ("Peak speed of the hips", _value(numbers["hip_speed_peak_m_s"], "m/s", 2)),
        ("Mean speed of the hips", _value(numbers["hip_speed_mean_m_s"], "m/s", 2)),
        ("Peak speed in the picture", _value(numbers["hip_speed_peak_px_s"], "px/s", 0)),
        ("Frames seen", f"{numbers['frames_seen']} ({numbers['detection_ratio']:.0%})"),
        ("Mean key point score", _value(numbers["mean_keypoint_score"], "", 2)),
        ("Key points filled in", str(numbers["keypoints_filled"])),
        ("Outliers removed", str(numbers["keypoints_rejected"])),
        ("Facing", numbers["facing"]),
        (f"Scale, {source}", _value(_times(numbers["m_per_px"], 1000), "mm/px", 2)),
    ]
    angles = [
        (name.replace("_", " "), *(_value(spread[key], "", 1) for key in ("min", "mean", "max")))
        for name, spread in numbers["angles_deg"].items()
        if spread["mean"] is not None
    ]
    return PersonReport(
        title=f"Person {numbers['person']}",
        numbers=[(label, value) for label, value in tiles if value],
        angles=[(name, low, mean, high) for name, low, mean, high in angles],
        sections=_sections(analysis),
    )


def _sections(analysis: Analysis) -> list[Section]:
    time_s = analysis.trajectory.time_s
    sections = []
    at = _spread_rows(analysis.plane.positions, STICKS)
    labels = [f"{time_s[t]:.2f} s" for t in at]
    if len(at):
        sticks = plots.stick_sequence(analysis.skeleton, analysis.plane.positions[at], labels)
        sections.append(Section("Stick figures over time", [sticks], wide=True))
    if len(time_s) > 1:
        moving = [_speed_plot(analysis), *_angle_plots(analysis)]
        sections.append(
            Section(
                "Speed and joint angles",
                moving,
                note="Solid blue: left. Dashed orange: right. An upright trunk is at 90.",
            )
        )
    at = _spread_rows(analysis.space.positions, 2)
    if len(at):
        labels = [f"{time_s[t]:.2f} s" for t in at]
        space = plots.stick_3d(analysis.skeleton, analysis.space.positions[at], labels)
        sections.append(Section("3D stick figures", [space], wide=True))
    if len(time_s) > 1:
        scores = plots.score_map(analysis.skeleton, time_s, analysis.trajectory.keypoints[..., 2])
        sections.append(Section("How sure the model is of each key point", [scores], wide=True))
    return sections


def _speed_plot(analysis: Analysis) -> str:
    speed, m_per_px = hip_speed_px_s(analysis), analysis.scale.m_per_px
    unit = "px/s" if m_per_px is None else "m/s"
    values = speed * (m_per_px or 1.0)
    time_s = analysis.trajectory.time_s
    return plots.curves("Speed of the hips", unit, time_s, {"hips": values}, from_zero=True)


def _angle_plots(analysis: Analysis) -> list[str]:
    series = {s.angle.name: _without_jumps(s.degrees) for s in analysis.angles}
    made = []
    for name in _ANGLE_PLOTS:
        parts = {"left": f"left_{name}", "right": f"right_{name}", name: name}
        known = {label: series[angle] for label, angle in parts.items() if angle in series}
        if any(np.isfinite(values).any() for values in known.values()):
            title = name.replace("_", " ").capitalize()
            made.append(plots.curves(title, "degrees", analysis.trajectory.time_s, known))
    return made


def _without_jumps(degrees: Float64) -> Float64:
    """The curve with a gap where it passes from one end of the range to the other."""
    jump = np.append(False, np.abs(np.diff(degrees)) > 180)
    return np.where(jump, np.nan, degrees)


def _spread_rows(positions: Float64, count: int) -> Int64:
    """Up to ``count`` evenly spaced rows on which most key points are known."""
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


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
