"""The ways to run a pipeline that are compared: in one process, as services, at any address."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil
from prometheus_client.parser import text_string_to_metric_families

from podium.cli.bench.local_stages import local_stages
from podium.cli.bench.workloads import Workload
from podium.cli.stack import Stack
from podium.errors import StageFailed
from podium.gateway.pipeline import PipelineLimits, PipelineRun
from podium.gateway.spec import SHIPPED, PipelineRequest, load_pipelines
from podium.types import Media

Ask = Callable[[Workload], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Composition:
    """One way to run a pipeline."""

    name: str
    ask: Ask
    processes: dict[str, psutil.Process]  # whose CPU time counts: "client", and the services
    metrics_urls: list[str]

    def cpu_s(self) -> dict[str, float]:
        """User and system time of each process up to now."""
        times = {name: process.cpu_times() for name, process in self.processes.items()}
        return {name: t.user + t.system for name, t in times.items()}

    def rss_mb(self) -> float:
        """Resident memory of the services; of the client where there are none."""
        services = [p for name, p in self.processes.items() if name != "client"]
        return sum(p.memory_info().rss for p in services or self.processes.values()) / 1e6

    async def received_bytes(self) -> float:
        """Bodies that the services have received up to now; 0 in one process."""
        total = 0.0
        async with aiohttp.ClientSession() as session:
            for url in self.metrics_urls:
                async with session.get(f"{url}/metrics") as response:
                    text = await response.text()
                total += sum(
                    sample.value
                    for family in text_string_to_metric_families(text)
                    for sample in family.samples
                    if sample.name == "podium_received_bytes_total"
                )
        return total


@asynccontextmanager
async def in_process(models: Path, pipeline: str) -> AsyncIterator[Composition]:
    """The pipeline over stages in this process: the floor."""
    spec = load_pipelines([SHIPPED])[pipeline]
    with local_stages(models) as stages:

        async def ask(workload: Workload) -> None:
            options = PipelineRequest(count=workload.frames, stride=workload.stride)
            media = Media(data=workload.media)
            run = PipelineRun(stages, spec, media, options, PipelineLimits())
            (await run.answer()).to_json()

        yield Composition("in process", ask, {"client": psutil.Process()}, [])


@asynccontextmanager
async def as_services(models: Path, pipeline: str) -> AsyncIterator[Composition]:
    """The six services on loopback, called as any client would; the client counts too."""
    with Stack(models=models) as stack:
        processes = {"client": psutil.Process()} | {
            process.name: psutil.Process(process.pid) for process in stack.processes
        }
        async with _asking(stack.gateway_url, pipeline) as ask:
            yield Composition("six services", ask, processes, list(stack.urls.values()))


@asynccontextmanager
async def at_url(url: str, pipeline: str) -> AsyncIterator[Composition]:
    """A gateway somewhere; only the client's CPU time can be measured."""
    async with _asking(url, pipeline) as ask:
        yield Composition(url, ask, {"client": psutil.Process()}, [])


@asynccontextmanager
async def _asking(gateway_url: str, pipeline: str) -> AsyncIterator[Ask]:
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def ask(workload: Workload) -> None:
            async with session.post(
                f"{gateway_url}/v1/pipelines/{pipeline}",
                params={"count": workload.frames, "stride": workload.stride},
                data=workload.media,
                headers={"content-type": workload.content_type},
            ) as response:
                body = await response.read()
                if response.status != 200:
                    raise StageFailed(f"{response.status}: {body[:300].decode()}")

        yield ask
