"""A long clip as a job and by the gateway alone: ``python -m loadtest.jobs_throughput``.

All services run here with models that compute nothing. The gateway alone is asked for the frame
batches of the job, as many at a time as the controller has at work, and then to postprocess them
with the job's options. Both alternate, and their processor time is that of all services, so its
ratio holds on a machine with other work.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
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

Figures = dict[str, Any]


@dataclass(frozen=True)
class _Clip:
    """A clip, how it is divided, and the options of postprocessing."""

    video: Path
    frames: int
    batch_frames: int
    options: dict[str, Any]


class _Gateway:
    """The gateway alone, which keeps the answers in a folder."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url, self._folder = url, folder
        folder.mkdir()

    def run(self, clip: _Clip) -> None:
        """All frames of a clip, a batch at a time, into ``results.json``."""

        def ask(start: int) -> bytes:
            count = min(clip.batch_frames, clip.frames - start)
            body: Any = {"uri": clip.video.as_uri(), "start": start, "count": count}
            answer = session.post(f"{self._url}/v1/pipelines/{_PIPELINE}", json=body, timeout=600)
            answer.raise_for_status()
            return answer.content

        with requests.Session() as session, ThreadPoolExecutor(_WORKERS) as pool:
            parts = list(pool.map(ask, range(0, clip.frames, clip.batch_frames)))
        (self._folder / "results.json").write_bytes(b"[" + b",\n".join(parts) + b"]")

    def postprocess(self, clip: _Clip) -> None:
        """The files of the frames that ``run`` has got."""
        body = {
            **clip.options,
            "source": clip.video.as_uri(),
            "results_uri": (self._folder / "results.json").as_uri(),
            "output": self._folder.as_uri(),
        }
        answer = requests.post(f"{self._url}/v1/postprocess", json=body, timeout=7200)
        answer.raise_for_status()
        if (got := answer.json()["summary"]["frames"]["count"]) != clip.frames:
            raise click.ClickException(f"the gateway measured {got} of {clip.frames} frames")


def _measured(stack: Stack, work: Callable[[], Any]) -> tuple[Figures, Any]:
    """Seconds, and processor seconds by service."""
    before = {process.name: cpu_s(process.pid) for process in stack.processes}
    started = time.monotonic()
    result = work()
    wall_s = time.monotonic() - started
    spent = {p.name: round(cpu_s(p.pid) - before[p.name], 2) for p in stack.processes}
    return {"wall_s": round(wall_s, 2), "cpu_s": round(sum(spent.values()), 2), **spent}, result


def _alone(stack: Stack, gateway: _Gateway, clip: _Clip) -> Figures:
    frames, _ = _measured(stack, lambda: gateway.run(clip))
    analysis, _ = _measured(stack, lambda: gateway.postprocess(clip))
    return {"frames": frames, "postprocessing": analysis}


def _as_job(stack: Stack, api: Api, pipeline_id: int, clip: _Clip) -> Figures:
    upload_id = api.upload(clip.video)
    found, job = _measured(
        stack, lambda: api.job(upload_id, clip.batch_frames, pipeline_id, **clip.options)
    )
    times = {name: datetime.fromisoformat(at) for name, at in job["state_times"].items()}
    until_last_batch = times["collecting"] - times["queued"]
    return {**found, "until_last_batch_s": round(until_last_batch.total_seconds(), 2)}


def _ratios(alone: Sequence[Figures], as_job: Sequence[Figures]) -> Figures:
    """Throughput of jobs by that of the gateway: 1 where both take as long."""

    def ratio(of_gateway: Callable[[Figures], float], of_job: Callable[[Figures], float]) -> float:
        return round(
            statistics.median(map(of_gateway, alone)) / statistics.median(map(of_job, as_job)), 3
        )

    return {
        "until_last_batch": ratio(
            lambda g: g["frames"]["wall_s"], lambda j: j["until_last_batch_s"]
        ),
        "until_finished": ratio(
            lambda g: g["frames"]["wall_s"] + g["postprocessing"]["wall_s"], lambda j: j["wall_s"]
        ),
        "cpu_until_finished": ratio(
            lambda g: g["frames"]["cpu_s"] + g["postprocessing"]["cpu_s"], lambda j: j["cpu_s"]
        ),
        "cpu_without_postprocess": ratio(
            lambda g: g["frames"]["cpu_s"], lambda j: j["cpu_s"] - j["postprocess"]
        ),
    }


@click.command()
@click.option("--json", "target", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option(
    "--frames", "lengths", multiple=True, default=(1_800, 7_200), show_default=True,
    help="Length of the clip; may be repeated. The goal is for 36000, which take a quarter of an "
    "hour a round.",
)  # fmt: skip
@click.option("--batch-frames", default=64, show_default=True, help="Frames per frame batch.")
@click.option("--rounds", default=1, show_default=True, help="Of each, in turn.")
@click.option("--overlay/--no-overlay", default=False, show_default=True, help="Draw a video.")
def main(
    target: Path, lengths: Sequence[int], batch_frames: int, rounds: int, overlay: bool
) -> None:
    """Measure, and write the figures as JSON."""
    found: list[Figures] = []
    with ExitStack() as entered:
        folder = Path(entered.enter_context(tempfile.TemporaryDirectory(prefix="podium-jobs-")))
        models = no_op_repository(default_models(), folder / "models")
        stack = entered.enter_context(
            Stack(models=models, read_roots=[folder], write_roots=[folder], jobs=folder / "state")
        )
        if stack.admin_key is None:
            raise click.ClickException("no key was made")
        api = Api(stack.urls["api"], stack.admin_key.secret)
        [pipeline_id] = [
            each["id"]
            for each in api.get("/v1/pipelines")["items"]
            if each["pipeline_name"] == _PIPELINE
        ]
        gateway = _Gateway(stack.gateway_url, folder / "gateway")
        options = {"overlay": overlay}
        short = _Clip(clip(folder / "short.mp4", 100), 100, batch_frames, options)
        _alone(stack, gateway, short)  # what is loaded at the first request
        for frames in lengths:
            long = _Clip(clip(folder / f"{frames}.mp4", frames), frames, batch_frames, options)
            alone, as_job = [], []
            for _ in range(rounds):
                alone.append(_alone(stack, gateway, long))
                as_job.append(_as_job(stack, api, pipeline_id, long))
            found.append(
                {
                    "frames": frames,
                    "throughput_ratio": _ratios(alone, as_job),
                    "gateway_alone": alone,
                    "as_a_job": as_job,
                    "load_average": round(psutil.getloadavg()[0], 1),
                }
            )
        memory = {process.name: memory_mb(process.pid) for process in stack.processes}
    figures = {
        "batch_frames": batch_frames,
        "overlay": overlay,
        "clips": found,
        "memory_mb": memory,
    }
    target.write_text(json.dumps(figures, indent=2) + "\n")
    click.echo(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
