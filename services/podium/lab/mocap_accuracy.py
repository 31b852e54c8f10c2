"""Command line: joint angles of phone clips against marker motion capture of the same movement.

A folder holds ``NAME.mp4`` and ``NAME_mocap.json`` for each clip: ``time`` in seconds, and for each
body of an OpenSim model ``rotation``, Euler angles XYZ in radians. No time shift is taken out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from podium.biomechanics.analysis import Analysis, AnalysisOptions, analyse
from podium.biomechanics.persons.selection import select
from podium.biomechanics.persons.trajectories import link
from podium.lab.accuracy_page import results_of
from podium.local.in_process import local_stages
from podium.local.model_folder import default_models
from podium.pipelines.spec import SHIPPED, load_pipelines
from podium.postprocess.frame_results import merge
from podium.schemas.results import PipelineResult
from podium.types import Float64, Media

JOINTS = ("knee_flexion", "hip_flexion", "ankle_dorsiflexion")
_BODIES = {
    "knee_flexion": ("femur", "tibia", -1.0),
    "hip_flexion": ("pelvis", "femur", 1.0),
    "ankle_dorsiflexion": ("tibia", "talus", 1.0),
}
"""Joint -> the bodies on its two sides, and the sign of the turn that is its flexion."""


@dataclass(frozen=True, slots=True)
class JointError:
    """One joint of one clip, over both sides."""

    clip: str
    joint: str
    rmse_deg: float
    r: float
    in_band: float  # share of the samples whose band of 95 % holds the truth
    band_deg: float  # median half-width of it
    known: float  # share of the frames with an angle of the fitted body


def compare(clip: str, results: list[PipelineResult], mocap: Path) -> list[JointError]:
    """Compare the fitted body of the largest person with the motion capture.

    Args:
        clip: What the rows are called.
        results: Of a pipeline, all batches.
        mocap: The ``_mocap.json`` of the clip.
    """
    analysis = _analysis(results)
    reference = json.loads(mocap.read_bytes())
    return [_error(clip, joint, analysis, reference) for joint in JOINTS]


def _analysis(results: list[PipelineResult]) -> Analysis:
    clip = merge(results, max_frames=100_000)
    (person,) = select(link(clip.tracklets, clip.frames), "largest")
    size = (clip.result.source.width, clip.result.source.height)
    return analyse(person, clip.skeleton, AnalysisOptions(frame_size=size, camera=clip.camera))


def _error(clip: str, joint: str, analysis: Analysis, reference: dict[str, object]) -> JointError:
    rmse, r, errors, widths, known = [], [], [], [], []
    for side in ("left", "right"):
        angles, name = analysis.fit.angles, f"{side}_{joint}"
        fitted, sd = angles.of(name), angles.sd_deg[:, angles.names.index(name)]
        true = reference_deg(reference, side, joint, analysis.trajectory.time_s)
        both = np.isfinite(fitted) & np.isfinite(true)
        known.append(np.mean(np.isfinite(fitted[np.isfinite(true)])))
        off = fitted[both] - true[both]
        rmse.append(np.sqrt(np.mean(off**2)))
        r.append(np.corrcoef(fitted[both], true[both])[0, 1])
        errors.append(np.abs(off) <= 1.96 * sd[both])
        widths.append(1.96 * sd[both])
    return JointError(
        clip,
        joint,
        float(np.mean(rmse)),
        float(np.mean(r)),
        float(np.mean(np.concatenate(errors))),
        float(np.median(np.concatenate(widths))),
        float(np.mean(known)),
    )


def reference_deg(reference: dict[str, object], side: str, joint: str, time_s: Float64) -> Float64:
    """The angle of the motion capture at times (T,); NaN before its start and after its end."""
    at_s = np.array(reference["time"], float)
    proximal, distal, sign = _BODIES[joint]
    inner, outer = (
        _turns(reference, body if body == "pelvis" else f"{body}_{side[0]}")
        for body in (proximal, distal)
    )
    turn = (inner.inv() * outer).as_matrix()
    degrees = sign * np.degrees(np.arctan2(turn[:, 1, 0], turn[:, 0, 0]))
    return np.interp(time_s, at_s, degrees, left=np.nan, right=np.nan)


def _turns(reference: dict[str, object], body: str) -> Rotation:
    bodies = reference["bodies"]
    assert isinstance(bodies, dict)  # noqa: S101 - of the file's format
    return Rotation.from_euler("XYZ", bodies[body]["rotation"])


def page(errors: list[JointError]) -> str:
    """The figures as Markdown, with the mean over the clips."""
    lines = [
        "| clip | joint | RMSE | r | in the 95 % band | band | frames |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {e.clip} | {e.joint.replace('_', ' ')} | {e.rmse_deg:.1f} | {e.r:.2f} | "
        f"{e.in_band:.0%} | ± {e.band_deg:.0f} | {e.known:.0%} |"
        for e in errors
    ]
    means = [np.mean([e.rmse_deg for e in errors if e.joint == joint]) for joint in JOINTS]
    words = ", ".join(
        f"{joint.partition('_')[0]} {mean:.1f}" for joint, mean in zip(JOINTS, means, strict=True)
    )
    return "\n".join([*lines, "", f"Mean: {words}, all {np.mean(means):.1f} degrees."]) + "\n"


def _clips(folder: Path) -> Iterator[tuple[Path, Path]]:
    for mocap in sorted(folder.glob("*_mocap.json")):
        yield mocap.with_name(mocap.name.replace("_mocap.json", ".mp4")), mocap


def main() -> None:
    """Parse the arguments, run the pipeline, print."""
    parser = argparse.ArgumentParser(
        prog="python -m podium.lab.mocap_accuracy",
        description="Run a pipeline over phone clips and compare with motion capture.",
    )
    parser.add_argument("clips", type=Path, help="folder of NAME.mp4 and NAME_mocap.json")
    parser.add_argument("--pipeline", default="pose-3d", help="default: %(default)s")
    parser.add_argument("--models", type=Path, default=default_models(), help="model repository")
    args = parser.parse_args()
    pipeline = load_pipelines([SHIPPED])[args.pipeline]
    errors: list[JointError] = []
    with local_stages(args.models) as stages:
        for video, mocap in _clips(args.clips):
            results = asyncio.run(results_of(stages, pipeline, Media(data=video.read_bytes())))
            errors += compare(video.stem, results, mocap)
    if not errors:
        parser.error(f"{args.clips} has no NAME_mocap.json")
    print(page(errors), end="")


if __name__ == "__main__":
    main()
