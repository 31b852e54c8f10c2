"""The client: every operation of the api, and jobs as handles; ``AsyncClient`` behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from podium.client.jobs.async_client import AsyncClient, AsyncJob, JobMoved
from podium.client.jobs.downloading import GotBytes
from podium.client.jobs.loop_thread import LoopThread
from podium.client.jobs.uploading import SentBytes
from podium.schemas.jobs import Job as JobInfo
from podium.schemas.jobs import JobEstimate, JobEvent, JobParameters, JobResults, Video


class Client:
    """Calls an api; every operation of it is a method of this name.

    Videos to results in three lines::

        client = podium.Client()
        job = client.submit("sprint.mp4", pipeline="pose-3d")
        job.wait().download("results/")

    ``client.create_pipeline({...})``, ``client.list_jobs(status="failed")``,
    ``client.update_project(3, project_concurrency=16)``: ids first, then the body as a dictionary
    or as keywords. Lists have all items, or at most ``limit``. ``AsyncClient`` is this for asyncio.

    Args:
        endpoint_url: Of the api; None: ``PODIUM_ENDPOINT_URL``, else what ``podium configure``
            has written, else this machine.
        api_key: None: ``PODIUM_API_KEY``, else that of ``podium configure``.

    Raises:
        SetupError: the configuration cannot be read.
        InvalidInput: the address is none of HTTP.
    """

    def __init__(self, endpoint_url: str | None = None, *, api_key: str | None = None) -> None:
        self._async = AsyncClient(endpoint_url, api_key=api_key)
        self._loop = LoopThread(self._async.transport.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._loop.stop()

    @property
    def endpoint_url(self) -> str:
        """Of the api."""
        return self._async.transport.connection.endpoint_url

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        return partial(self._call, getattr(self._async, name))

    def _call(self, operation: Callable[..., Any], *arguments: Any, **given: Any) -> Any:
        return self._loop.run(operation(*arguments, **given))

    def __dir__(self) -> list[str]:
        return dir(self._async)

    def submit(
        self,
        source: str | Path,
        *,
        pipeline: str | int = "pose-3d",
        name: str | None = None,
        parameters: JobParameters | Mapping[str, Any] | None = None,
        athlete_id: int | None = None,
        pipeline_parameter_set_id: int | None = None,
        retain_days: int | None = None,
        again: bool = False,
        progress: SentBytes | None = None,
    ) -> Job:
        """Upload a video, or a ZIP of videos, and start a job; see ``AsyncClient.submit``."""
        job = self._loop.run_told(
            lambda relay: self._async.submit(
                source,
                pipeline=pipeline,
                name=name,
                parameters=parameters,
                athlete_id=athlete_id,
                pipeline_parameter_set_id=pipeline_parameter_set_id,
                retain_days=retain_days,
                again=again,
                progress=progress and relay(progress),
            )
        )
        return Job(self._loop, job)

    def estimate(
        self,
        source: str | Path,
        *,
        pipeline: str | int = "pose-3d",
        parameters: JobParameters | Mapping[str, Any] | None = None,
        progress: SentBytes | None = None,
    ) -> JobEstimate:
        """What a job would be: frames, seconds, cost, place in the queue; nothing is started."""
        return self._loop.run_told(
            lambda relay: self._async.estimate(
                source,
                pipeline=pipeline,
                parameters=parameters,
                progress=progress and relay(progress),
            )
        )

    def job(self, job_id: int) -> Job:
        """A job that there is. Raises ApiError."""
        return Job(self._loop, self._loop.run(self._async.job(job_id)))

    def jobs(self, *, limit: int | None = None, **filters: Any) -> list[Job]:
        """Jobs, the newest first; ``status`` and ``created_after`` choose. Raises ApiError."""
        found = self._loop.run(self._async.jobs(limit=limit, **filters))
        return [Job(self._loop, job) for job in found]


class Job:
    """A job; ``info`` is what was last heard of it. ``AsyncJob`` says what the methods do."""

    def __init__(self, loop: LoopThread, job: AsyncJob) -> None:
        self._loop = loop
        self._job = job

    def __repr__(self) -> str:
        return repr(self._job)

    @property
    def id(self) -> int:
        """Its number."""
        return self._job.id

    @property
    def info(self) -> JobInfo:
        """What was last heard of it."""
        return self._job.info

    @property
    def status(self) -> str:
        """Its state, as last heard; see docs/jobs.md."""
        return self._job.status

    @property
    def has_ended(self) -> bool:
        """Whether nothing happens any more."""
        return self._job.has_ended

    def refresh(self) -> Self:
        """Ask for its state."""
        self._loop.run(self._job.refresh())
        return self

    def states(self) -> Iterator[JobInfo]:
        """Its state now, and whenever it may have changed, until it has ended."""
        return self._loop.iterate(self._job.states())

    def wait(
        self,
        *,
        timeout_s: float | None = None,
        progress: JobMoved | None = None,
        check: bool = True,
    ) -> Self:
        """Wait for its end; raises JobFailed where there is nothing to be had of it."""
        self._loop.run_told(
            lambda relay: self._job.wait(
                timeout_s=timeout_s, progress=progress and relay(progress), check=check
            )
        )
        return self

    def events(self, after: int = 0) -> Iterator[JobEvent]:
        """What happens to it, until it has ended."""
        return self._loop.iterate(self._job.events(after))

    def videos(self) -> list[Video]:
        """Its videos."""
        return self._loop.run(self._job.videos())

    def results(self) -> JobResults:
        """Its files, with addresses that hold for an hour."""
        return self._loop.run(self._job.results())

    def download(
        self,
        folder: str | Path,
        *,
        only: Sequence[str] = (),
        progress: GotBytes | None = None,
    ) -> list[Path]:
        """Fetch its files; those that are there already are not fetched again."""
        return self._loop.run_told(
            lambda relay: self._job.download(
                folder, only=only, progress=progress and relay(progress)
            )
        )

    def cancel(self) -> Self:
        """Begin no more work on it; what is there stays."""
        self._loop.run(self._job.cancel())
        return self

    def retry(self) -> Self:
        """Do again what failed, and nothing else."""
        self._loop.run(self._job.retry())
        return self

    def rerun(self, **changes: Any) -> Job:
        """Run its videos again, as a new job with other ``job_parameters``."""
        return Job(self._loop, self._loop.run(self._job.rerun(**changes)))

    def delete(self) -> None:
        """Delete it with its data, once it has ended."""
        self._loop.run(self._job.delete())
