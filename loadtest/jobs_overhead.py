"""What jobs cost beside the pipelines: ``python -m loadtest.jobs_overhead --json FILE``.

A gateway that answers at once stands for the tier; the api and one controller are processes of
their own, called over HTTP as any client would.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp
import click
import psutil

from loadtest.jobs_client import Api, clip
from loadtest.process_tree import cpu_s, memory_mb
from podium.api.prepare import prepare
from podium.freed_memory import ALLOCATOR
from podium.jobs.settings import JobsSettings, open_environment
from podium.local.service_process import ServiceProcess, ready
from podium.local.stack import HOST, free_ports
from podium.schemas.measures import DataPoints
from podium.schemas.results import SourceResult
from podium.schemas.summary import AppliedOptions, FrameCounts, Summary

_FRAMES = 500
_RATE_PER_S = 200
_SECONDS = 20
_PATHS = (
    "/v1/jobs/1",
    "/v1/jobs?limit=10",
    "/v1/videos?job_id=1",
    "/v1/queue",
    "/v1/jobs/1/events",
)

_NOTHING = Summary(
    podium_version="", pipeline="no-op", models={}, skeleton="coco17",
    source=SourceResult(width=64, height=64, fps=25, frame_count=1, duration_s=0),
    options=AppliedOptions(),
    frames=FrameCounts(
        first=None, last=None, count=0, rate_hz=0, with_person=0, without_person=0,
        undecodable=0, failed=0, missing=0,
    ),
    persons_found=0, persons=[],
    data_points=DataPoints(known=0, measures_known=0, measures_missing=0, reasons={}),
    assumptions=[], conventions=[],
)  # fmt: skip


class _Tier(BaseHTTPRequestHandler):
    """Frames without persons, and an empty analysis, at once."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one segment: the second of two would wait 40 ms for an ACK

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = _analysis(body) if self.path == "/v1/postprocess" else _frames(body)
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        del format, args


def _frames(body: dict[str, Any]) -> dict[str, Any]:
    indices = range(body["start"], body["start"] + body["count"] * body["step"], body["step"])
    source = {"width": 64, "height": 64, "fps": 25.0, "frame_count": _FRAMES, "duration_s": 20.0}
    frames = [{"index": n, "time_s": n / 25, "status": "no_person"} for n in indices]
    return {
        "pipeline": "no-op", "skeleton": "coco-17", "models": {}, "source": source,
        "frames": frames,
    }  # fmt: skip


def _analysis(body: dict[str, Any]) -> dict[str, Any]:
    target = Path(unquote(urlsplit(body["output"]).path)) / "summary.json"
    target.write_text("{}")
    file = {
        "name": target.name, "uri": target.as_uri(), "size_bytes": 2, "sha256": "",
        "media_type": "application/json",
    }  # fmt: skip
    return {"files": [file], "summary": _NOTHING.model_dump(mode="json"), "warnings": []}


def _serve(url: Connection) -> None:
    server = ThreadingHTTPServer((HOST, 0), _Tier)
    url.send(f"http://{HOST}:{server.server_port}")
    server.serve_forever()


@contextmanager
def _tier() -> Iterator[str]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_serve, args=(there,), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.terminate()
        process.join()


async def _latencies_ms(api: Api) -> list[float]:
    """Of requests that begin at a fixed rate, whether or not the earlier ones have ended."""
    found: list[float] = []

    async def ask(session: aiohttp.ClientSession, path: str, due: float) -> None:
        async with session.get(f"{api.url}{path}") as answer:
            await answer.read()
            answer.raise_for_status()
        found.append((time.monotonic() - due) * 1e3)

    connector = aiohttp.TCPConnector(limit=100)
    async with (
        aiohttp.ClientSession(headers=api.headers, connector=connector) as session,
        asyncio.TaskGroup() as asking,
    ):
        begun = time.monotonic()
        for n in range(_RATE_PER_S * _SECONDS):
            due = begun + n / _RATE_PER_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            asking.create_task(ask(session, _PATHS[n % len(_PATHS)], due))
    return found


@click.command()
@click.option("--json", "target", type=click.Path(dir_okay=False, path_type=Path), required=True)
def main(target: Path) -> None:
    """Measure, and write the figures as JSON."""
    ports = free_ports()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="podium-jobs-")))
        gateway = stack.enter_context(_tier())
        own = {
            **ALLOCATOR,
            "PODIUM_JOBS_STATE": str(folder / "state"),
            "PODIUM_JOBS_GATEWAY_URL": gateway,
            "PODIUM_JOBS_OBJECTS_URL": f"http://{HOST}:{ports['api']}/v1/objects",
        }
        env = open_environment(JobsSettings(state=folder / "state"))
        key = prepare(env)
        env.close()
        if key is None:
            raise click.ClickException("no key was made")
        processes = [
            stack.enter_context(ready(ServiceProcess(name, HOST, ports[name], own, None)))
            for name in ("api", "jobs")
        ]
        service, controller = processes
        api = Api(service.url, key.secret)
        one = [api.job_s(clip(folder / "one.mp4", 1), 1) for _ in range(3)]
        many = clip(folder / "many.mp4", _FRAMES)
        api.job_s(many, 1)
        before, api_before = cpu_s(controller.pid), cpu_s(service.pid)
        many_s = api.job_s(many, 1)
        own_s, api_cpu_s = cpu_s(controller.pid) - before, cpu_s(service.pid) - api_before
        # At once, while the process that starts decoders is there; it rests later.
        memory_after_jobs = {process.name: memory_mb(process.pid) for process in processes}
        asked_before = cpu_s(service.pid)
        latencies = sorted(asyncio.run(_latencies_ms(api)))
        asked_s = cpu_s(service.pid) - asked_before
        figures = {
            "job_of_one_batch_s": round(statistics.median(one), 2),
            "batches": _FRAMES,
            "job_of_all_batches_s": round(many_s, 2),
            "wall_ms_per_batch": round((many_s - statistics.median(one)) / _FRAMES * 1e3, 2),
            "controller_cpu_ms_per_batch": round(own_s / _FRAMES * 1e3, 2),
            "api_cpu_s_meanwhile": round(api_cpu_s, 2),
            "api_requests_per_s": _RATE_PER_S,
            "api_cpu_ms_per_request": round(asked_s / len(latencies) * 1e3, 2),
            "api_latency_ms": {
                name: round(latencies[min(int(len(latencies) * part), len(latencies) - 1)], 1)
                for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
            },
            "memory_after_jobs_mb": memory_after_jobs,
            "memory_mb": {process.name: memory_mb(process.pid) for process in processes},
            "load_average": round(psutil.getloadavg()[0], 1),
        }
    target.write_text(json.dumps(figures, indent=2) + "\n")
    click.echo(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
