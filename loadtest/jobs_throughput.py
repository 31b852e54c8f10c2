"""A long clip as a job and by the gateway alone: ``python -m loadtest.jobs_throughput``.

All services run here with models that compute nothing. The gateway alone is asked for the frame
batches of the job, as many at a time as the controller has at work. Rounds of both alternate, and
their processor time is that of all services, so the ratio holds on a machine with other work.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import click
import psutil
import requests

from loadtest.jobs_client import Api, clip
from loadtest.process_tree import cpu_s, memory_mb
from podium.lab.bench.workloads import no_op_repository
from podium.local.model_folder import default_models
from podium.local.stack import Stack

_WORKERS = 4  # those of a controller
_PIPELINE = "pose-2d"


def _alone(gateway: str, video: Path, frames: int, batch_frames: int) -> None:
    """Ask the gateway for all frames, a batch at a time."""

    def ask(start: int) -> int:
        count = min(batch_frames, frames - start)
        body: dict[str, Any] = {"uri": video.as_uri(), "start": start, "count": count}
        answer = session.post(f"{gateway}/v1/pipelines/{_PIPELINE}", json=body, timeout=600)
        answer.raise_for_status()
        return len(answer.json()["frames"])

    with requests.Session() as session, ThreadPoolExecutor(_WORKERS) as pool:
        got = sum(pool.map(ask, range(0, frames, batch_frames)))
    if got != frames:
        raise click.ClickException(f"the gateway answered {got} of {frames} frames")


def _measured(stack: Stack, work: Callable[[], Any]) -> tuple[dict[str, float], Any]:
    """Seconds, and processor seconds by service."""
    before = {process.name: cpu_s(process.pid) for process in stack.processes}
    started = time.monotonic()
    result = work()
    wall_s = time.monotonic() - started
    spent = {p.name: round(cpu_s(p.pid) - before[p.name], 2) for p in stack.processes}
    return {"wall_s": round(wall_s, 2), "cpu_s": round(sum(spent.values()), 2), **spent}, result


def _analysis_s(job: dict[str, Any]) -> float:
    """Seconds from the last frame batch to the end."""
    times = job["state_times"]
    began, ended = (datetime.fromisoformat(times[name]) for name in ("collecting", "succeeded"))
    return round((ended - began).total_seconds(), 2)


@click.command()
@click.option("--json", "target", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--frames", default=36_000, show_default=True, help="Length of the clip.")
@click.option("--batch-frames", default=64, show_default=True, help="Frames per frame batch.")
@click.option("--rounds", default=3, show_default=True, help="Of each.")
@click.option("--overlay/--no-overlay", default=True, help="Whether jobs draw an overlay video.")
def main(target: Path, frames: int, batch_frames: int, rounds: int, overlay: bool) -> None:
    """Measure, and write the figures as JSON."""
    folder = Path(tempfile.mkdtemp(prefix="podium-jobs-"))
    video = clip(folder / "long.mp4", frames)
    models = no_op_repository(default_models(), folder / "models")
    alone, as_job = [], []
    with Stack(models=models, read_roots=[folder], jobs=folder / "state") as stack:
        if stack.admin_key is None:
            raise click.ClickException("no key was made")
        api = Api(stack.urls["api"], stack.admin_key.secret)
        upload_id = api.upload(video)
        [pipeline_id] = [
            each["id"]
            for each in api.get("/v1/pipelines")["items"]
            if each["pipeline_name"] == _PIPELINE
        ]
        _alone(stack.gateway_url, video, min(frames, 10 * batch_frames), batch_frames)
        by_gateway = partial(_alone, stack.gateway_url, video, frames, batch_frames)
        by_job = partial(api.job, upload_id, batch_frames, pipeline_id, overlay=overlay)
        for _ in range(rounds):
            alone.append(_measured(stack, by_gateway)[0])
            found, job = _measured(stack, by_job)
            as_job.append({**found, "analysis_s": _analysis_s(job)})
        memory = {process.name: memory_mb(process.pid) for process in stack.processes}
    figures = {
        "frames": frames,
        "batch_frames": batch_frames,
        "overlay": overlay,
        "gateway_alone": alone,
        "as_a_job": as_job,
        "throughput_ratio": _ratio([a["wall_s"] for a in alone], [j["wall_s"] for j in as_job]),
        "throughput_ratio_without_analysis": _ratio(
            [a["wall_s"] for a in alone], [j["wall_s"] - j["analysis_s"] for j in as_job]
        ),
        "cpu_ratio_without_analysis": _ratio(
            [a["cpu_s"] for a in alone], [j["cpu_s"] - j["postprocess"] for j in as_job]
        ),
        "memory_mb": memory,
        "load_average": round(psutil.getloadavg()[0], 1),
    }
    target.write_text(json.dumps(figures, indent=2) + "\n")
    click.echo(json.dumps(figures, indent=2))


def _ratio(alone: list[float], as_job: list[float]) -> float:
    return round(statistics.median(alone) / statistics.median(as_job), 3)


if __name__ == "__main__":
    main()
