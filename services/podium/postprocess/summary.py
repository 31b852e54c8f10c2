"""``summary.json``: the clip, the persons, what was assumed, and what to be careful about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import podium
from podium.biomechanics.analysis import Analysis
from podium.biomechanics.body.scale import ASSUMPTION
from podium.biomechanics.measures.metrics import summarise
from podium.biomechanics.signals.timeline import rate_hz
from podium.postprocess.frame_results import Clip
from podium.postprocess.options import Options

CONVENTIONS = (
    "Pixels: x to the right, y down, from the centre of the top left pixel. Metres of the plane: "
    "the same axes. 3D metres: camera axes, from the middle of the hips.",
    "Angles in degrees, in the image plane, as if the athlete faced right: dorsiflexion and "
    "flexion positive, straight limbs 0; segments from the horizontal, anticlockwise positive.",
    "Velocities and accelerations are derivatives of filtered positions only.",
)


def summary_of(
    clip: Clip, analyses: Sequence[Analysis], found: int, options: Options
) -> dict[str, Any]:
    """The content of ``summary.json``, without warnings.

    Args:
        clip: The merged results.
        analyses: Of the chosen persons.
        found: How many persons there were to choose from.
        options: As asked for.
    """
    frames = clip.frames
    return {
        "podium_version": podium.__version__,
        "pipeline": clip.result.pipeline,
        "models": clip.result.models,
        "skeleton": clip.skeleton.name,
        "source": clip.result.source.model_dump(),
        "options": options.model_dump(),
        "frames": {
            "first": int(frames.frame_index[0]) if len(frames) else None,
            "last": int(frames.frame_index[-1]) if len(frames) else None,
            "count": len(frames),
            "rate_hz": round(rate_hz(frames.time_s), 4),
            "with_person": clip.status["ok"],
            "without_person": clip.status["no_person"],
            "undecodable": clip.status["decode_error"],
            "failed": clip.status["failed"],
            "missing": int((~frames.covered).sum()),
        },
        "persons_found": found,
        "persons": [summarise(analysis, len(frames)) for analysis in analyses],
        "assumptions": [ASSUMPTION] if any(a.scale.m_per_px for a in analyses) else [],
        "conventions": list(CONVENTIONS),
    }


def warnings_of(summary: dict[str, Any], clip: Clip) -> list[str]:
    """What a reader of the numbers must know, most important first."""
    counts, options = summary["frames"], summary["options"]
    warnings = []
    if not counts["count"]:
        warnings.append("The results hold no frames: there is nothing to analyse.")
    elif not summary["persons_found"]:
        warnings.append("No person was found on any frame: the tables are empty.")
    if not clip.result.source.complete:
        warnings.append("The source ends before the frames that it declares.")
    for key, what in (
        ("undecodable", "could not be decoded"),
        ("failed", "failed in the pipeline"),
        ("missing", "are in no batch of the results"),
    ):
        if counts[key]:
            warnings.append(f"{counts[key]} of {counts['count']} frames {what}.")
    rate = counts["rate_hz"]
    if options["filter"] in ("butterworth", "savgol") and 0 < rate <= 2 * options["cutoff_hz"]:
        warnings.append(
            f"At {rate:g} frames/s nothing was filtered, so there are no velocities: the cut-off "
            f"of {options['cutoff_hz']:g} Hz needs more than {2 * options['cutoff_hz']:g} frames/s."
        )
    for person in summary["persons"]:
        warnings += _warnings_of_person(person)
    return [*warnings, *clip.degraded]


def _warnings_of_person(person: dict[str, Any]) -> list[str]:
    name = f"Person {person['person']}"
    warnings = []
    if not person["side_view"]:
        warnings.append(
            f"{name} is not seen from the side: angles in the image plane are not those of the "
            "joints; prefer the 3D angles."
        )
    if person["scale_source"] == "3d_landmarks":
        warnings.append(
            f"{name}: metres come from the size that the 3D model gives the athlete, which can be "
            "wrong by 15 % and more; give athlete_height_m for better ones."
        )
    if person["turns"]:
        warnings.append(f"{name} turns round; angles follow the direction that they face.")
    if person["hip_speed_peak_px_s"] is None and person["frames_seen"] > 1:
        warnings.append(f"{name} is seen too briefly or too patchily for velocities.")
    return warnings
