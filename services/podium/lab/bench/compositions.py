"""The compared ways to run a pipeline: in one process, as services, at any address."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psutil
from prometheus_client.parser import text_string_to_metric_families

from podium.errors import StageFailed
from podium.lab.bench.workloads import Workload
from podium.local.in_process import local_stages
from podium.local.stack import Stack
from podium.pipelines.ranges import PipelineLimits
from podium.pipelines.run import PipelineRun
from podium.pipelines.spec import SHIPPED, PipelineRequest, load_pipelines
from podium.types import Media

Ask = Callable[[Workload], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Counters:
    """Counters of all services together; zero in one process."""

    received_bytes: float = 0.0
    phase_s: Mapping[str, float] = field(default_factory=dict)  # "stage phase" -> seconds


@dataclass(frozen=True, slots=True)
class Composition:
    """One way to run a pipeline."""

    name: str
    ask: Ask
    processes: dict[str, psutil.Process]  # processes to measure: "client", and the services
    metrics_urls: list[str]

    def cpu_s(self) -> dict[str, float]:
        """User and system time so far of each process, with the workers that it started."""
        return {name: sum(map(_cpu_s, self._tree(name))) for name in self.processes}

    def rss_mb(self) -> dict[str, float]:
        """Resident memory of each service; of the client if there are no services.

        Of workers, their share (PSS): they have most pages from the process that forked them.
        """
        names = [name for name in self.processes if name != "client"] or list(self.processes)
        return {
            name: self.processes[name].memory_info().rss / 1e6
            + sum(map(_share_mb, self._tree(name)[1:]))
            for name in names
        }

    def _tree(self, name: str) -> list[psutil.Process]:
        """A process, and what it started; the services are not the client's."""
        process = self.processes[name]
        started = [] if name == "client" else process.children(recursive=True)
        return [process, *started]

    async def counters(self) -> Counters:
        """Bytes of bodies that the services received, and times of all phases of all stages."""
        received_bytes = 0.0
        phase_s: dict[str, float] = defaultdict(float)
        async with aiohttp.ClientSession() as session:
            for url in self.metrics_urls:
                async with session.get(f"{url}/metrics") as response:
                    families = text_string_to_metric_families(await response.text())
                for name, labels, value, *_ in (s for family in families for s in family.samples):
                    if name == "podium_received_bytes_total":
                        received_bytes += value
                    elif name == "podium_stage_duration_seconds_sum":
                        phase_s[f"{labels['stage']} {labels['phase']}"] += value
        return Counters(received_bytes, phase_s)


def _cpu_s(process: psutil.Process) -> float:
    """CPU time of a process, and of those that it has waited for; 0 if it has just ended."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    if process.pid == os.getpid():  # what a bench started before is none of its work
        return float(times.user + times.system)
    return float(times.user + times.system + times.children_user + times.children_system)


def _share_mb(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / 1e6
    except psutil.NoSuchProcess:
        return 0.0


@asynccontextmanager
async def in_process(models: Path, pipeline: str) -> AsyncIterator[Composition]:
    """The pipeline with stages in this process: the baseline."""
    spec = load_pipelines([SHIPPED])[pipeline]
    with local_stages(models) as stages:

        async def ask(workload: Workload) -> None:
            options = PipelineRequest(count=workload.frames, stride=workload.stride)
            media = Media(data=workload.media)
            run = PipelineRun(stages, spec, media, options, PipelineLimits())
            (await run.answer()).to_json()

        yield Composition("in process", ask, {"client": psutil.Process()}, [])


@asynccontextmanager
async def as_services(
    models: Path, pipeline: str, here: Sequence[str] = ()
) -> AsyncIterator[Composition]:
    """The services on loopback, called by a client whose CPU time counts, too.

    Args:
        models: Model repository.
        pipeline: Name of the pipeline.
        here: Stages that run in the gateway's process.
    """
    name = f"{' and '.join(here)} here" if here else "six services"
    with Stack(models=models, here=here) as stack:
        processes = {"client": psutil.Process()} | {
            process.name: psutil.Process(process.pid) for process in stack.processes
        }
        async with _asking(stack.gateway_url, pipeline) as ask:
            yield Composition(name, ask, processes, list(stack.urls.values()))


@asynccontextmanager
async def at_url(url: str, pipeline: str) -> AsyncIterator[Composition]:
    """A gateway at any address; only the client's CPU time can be measured."""
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
