"""Command line: renders the scenes, runs pipelines over them, and writes their accuracy."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from podium.biomechanics.analysis import AnalysisOptions
from podium.biomechanics.measures import registry
from podium.biomechanics.persons.sides import undo_exchanges
from podium.biomechanics.persons.trajectories import Trajectory, link
from podium.lab.athlete.film import write_scene
from podium.lab.athlete.ground_truth import GroundTruth, load_all
from podium.lab.athlete.scenes import SCENES
from podium.lab.athletes_score import Score, score_athletes
from podium.local.in_process import local_stages
from podium.local.model_folder import default_models
from podium.pipelines.ranges import PipelineLimits
from podium.pipelines.run import PipelineRun
from podium.pipelines.spec import SHIPPED, Pipeline, PipelineRequest, load_pipelines
from podium.postprocess.frame_results import Clip, merge
from podium.schemas.results import PipelineResult
from podium.stages import Stages
from podium.types import Media

_FOR_ONE, _FOR_SEVERAL = ("pose-3d",), ("pose-3d", "athletes-3d")
_BATCH = 64  # frames per request, as `podium run` asks


@dataclass(frozen=True)
class Row:
    """A pipeline on a scene."""

    scene: str
    pipeline: str
    score: Score
    speed_m_s: list[Any]  # for each athlete: true, measured
    cpu_ms: float  # per frame


async def results_of(stages: Stages, pipeline: Pipeline, media: Media) -> list[PipelineResult]:
    """The answers of the pipeline, batch by batch."""
    results: list[PipelineResult] = []
    start, total = 0, None
    while total is None or start < total:
        request = PipelineRequest(start=start, count=_BATCH, athlete="all")
        run = PipelineRun(stages, pipeline, media, request, PipelineLimits())
        result = PipelineResult.model_validate_json((await run.answer()).to_json())
        results.append(result)
        total = result.source.frame_count
        start += _BATCH
    return results


def measure(stages: Stages, pipeline: Pipeline, video: Path) -> Row:
    """Run a pipeline over a rendered scene and compare."""
    truths = load_all(video.with_suffix(".json"))
    began = time.process_time()
    results = asyncio.run(results_of(stages, pipeline, Media(data=video.read_bytes())))
    cpu_ms = 1e3 * (time.process_time() - began) / len(truths[0].boxes_px)
    clip = merge(results, max_frames=100_000)
    persons = link(clip.tracklets, clip.frames)
    mended = [undo_exchanges(person, clip.skeleton)[0] for person in persons]
    score = score_athletes(mended, clip.skeleton, truths)
    by_number = {p.person: p for p in persons}
    speeds = [
        [truth.speed_m_s, None if who is None else _speed(by_number[who], clip, truth)]
        for truth, who in zip(truths, score.person_of, strict=True)
    ]
    return Row(video.stem, pipeline.name, score, speeds, cpu_ms)


def _speed(person: Trajectory, clip: Clip, truth: GroundTruth) -> float | None:
    """The headline speed in m/s of an athlete, with the true height given."""
    options = AnalysisOptions(athlete_height_m=truth.height_m)
    athlete = registry.measure(person, clip.skeleton, options)
    return next(m.value for m in athlete.measures if m.name == "running_speed_m_s")


def page(rows: list[Row]) -> str:
    """The figures as Markdown."""
    head = (
        "| scene | pipeline | athletes x frames | found | PCK@.1 | of found | ghosts | identities "
        "| changes | exchanges | flips | speed m/s, true: said | CPU ms a frame |"
    )
    lines = [head, "|---" * 13 + "|"]
    for row in rows:
        s = row.score
        speeds = ", ".join(
            f"{true:.1f}: {'-' if said is None else format(said, '.2f')}"
            for true, said in row.speed_m_s
        )
        lines.append(
            f"| {SCENES[row.scene].about} | {row.pipeline} | {s.frames} | "
            f"{s.found / max(s.frames, 1):.2f} | {s.pck_10:.3f} | {s.pck_10_of_found:.3f} | "
            f"{s.ghosts} | {s.identities} of {len(row.speed_m_s)} | {s.changes} | {s.exchanges} | "
            f"{s.flips} | {speeds} | {row.cpu_ms:.0f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Parse the arguments, measure, print and write."""
    parser = argparse.ArgumentParser(
        prog="python -m podium.lab.accuracy_page",
        description="Run pipelines over rendered athletes and compare with exact ground truth.",
    )
    parser.add_argument("--scene", action="append", choices=SCENES, help="only these")
    parser.add_argument("--pipeline", action="append", help="several allowed")
    parser.add_argument("--clips", type=Path, required=True, help="where rendered clips are kept")
    parser.add_argument("--models", type=Path, default=default_models(), help="model repository")
    parser.add_argument("--out", type=Path, help="Markdown file; figures as JSON beside it")
    args = parser.parse_args()
    pipelines = load_pipelines([SHIPPED])
    rows: list[Row] = []

    with local_stages(args.models) as stages:
        for name in args.scene or SCENES:
            video = args.clips / f"{name}.mp4"
            if not video.exists():
                write_scene(SCENES[name], args.clips, name)
            several = len(SCENES[name].runners) > 1
            for pipeline in args.pipeline or (_FOR_SEVERAL if several else _FOR_ONE):
                rows.append(measure(stages, pipelines[pipeline], video))
                print(page(rows[-1:]).splitlines()[-1], flush=True)
    if args.out:
        args.out.write_text(_INTRODUCTION + page(rows), encoding="utf-8")
        figures = [asdict(row) for row in rows]
        args.out.with_suffix(".json").write_text(json.dumps(figures, indent=1), encoding="utf-8")


_INTRODUCTION = """\
# Athletes found, placed and told apart

Rendered athletes (`podium.lab.athlete.scenes`), whose joints are known exactly; `make accuracy`
writes this page. Requests of 64 frames, identities joined over them as postprocessing does. Found:
box IoU of at least 0.3. PCK@.1: share of 12 limb joints within a tenth of the longer side of the
true box; an athlete who is not found counts as wrong. Ghosts: persons that are no athlete, summed
over the frames. Identities: persons that the athletes are said to be. CPU time is of one process.

"""


if __name__ == "__main__":
    main()
