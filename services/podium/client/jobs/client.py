"""The synchronous client: all operations of the api, and jobs as objects; uses ``AsyncClient``."""

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
    """A client of one api; every operation of the api is a method with the operation's name.

    Videos to results in three lines::

        client = podium.Client()
        job = client.submit("sprint.mp4", pipeline="pose-3d")
        job.wait().download("results/")

    ``client.create_pipeline({...})``, ``client.list_jobs(status="failed")``,
    ``client.update_project(3, project_concurrency=16)``: first the ids, then the body as a
    dictionary or as keywords. Lists hold all items, or at most ``limit``. For asyncio there is
    ``AsyncClient``.

    Args:
        endpoint_url: Address of the api; None: ``PODIUM_ENDPOINT_URL``, else the address that
            ``podium configure`` has stored, else this machine.
        api_key: The key; None: ``PODIUM_API_KEY``, else the key of ``podium configure``.

    Raises:
        SetupError: the configuration cannot be read.
        InvalidInput: the address is not an HTTP address.
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
        """Address of the api."""
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
        """Estimate a job without starting it: frames, seconds, cost, place in the queue."""
        return self._loop.run_told(
            lambda relay: self._async.estimate(
                source,
                pipeline=pipeline,
                parameters=parameters,
                progress=progress and relay(progress),
            )
        )

    def job(self, job_id: int) -> Job:
        """An existing job. Raises ApiError."""
        return Job(self._loop, self._loop.run(self._async.job(job_id)))

    def jobs(self, *, limit: int | None = None, **filters: Any) -> list[Job]:
        """Jobs, the newest first; filtered by ``status`` and ``created_after``. Raises ApiError."""
        found = self._loop.run(self._async.jobs(limit=limit, **filters))
        return [Job(self._loop, job) for job in found]


class Job:
    """A job; ``info`` has its last known state. ``AsyncJob`` documents arguments and errors."""

    def __init__(self, loop: LoopThread, job: AsyncJob) -> None:
        self._loop = loop
        self._job = job

    def __repr__(self) -> str:
        return repr(self._job)

    @property
    def id(self) -> int:
        """The id of the job."""
        return self._job.id

    @property
    def info(self) -> JobInfo:
        """The job as the api last answered it."""
        return self._job.info

    @property
    def status(self) -> str:
        """The last known state, such as ``processing``; docs/jobs.md lists all."""
        return self._job.status

    @property
    def has_ended(self) -> bool:
        """Whether the job had ended at the last look."""
        return self._job.has_ended

    def refresh(self) -> Self:
        """Update ``info``."""
        self._loop.run(self._job.refresh())
        return self

    def states(self) -> Iterator[JobInfo]:
        """The job now and after each change, until it has ended."""
        return self._loop.iterate(self._job.states())

    def wait(
        self,
        *,
        timeout_s: float | None = None,
        progress: JobMoved | None = None,
        check: bool = True,
    ) -> Self:
        """Wait for the end; raises JobFailed if the job failed, expired or was canceled."""
        self._loop.run_told(
            lambda relay: self._job.wait(
                timeout_s=timeout_s, progress=progress and relay(progress), check=check
            )
        )
        return self

    def events(self, after: int = 0) -> Iterator[JobEvent]:
        """The events of the job with ids above ``after``, until its end."""
        return self._loop.iterate(self._job.events(after))

    def videos(self) -> list[Video]:
        """The videos of the job."""
        return self._loop.run(self._job.videos())

    def results(self) -> JobResults:
        """The files of the job, with addresses that are valid for an hour."""
        return self._loop.run(self._job.results())

    def download(
        self,
        folder: str | Path,
        *,
        only: Sequence[str] = (),
        progress: GotBytes | None = None,
    ) -> list[Path]:
        """Download the files of the job; files that are complete already are skipped."""
        return self._loop.run_told(
            lambda relay: self._job.download(
                folder, only=only, progress=progress and relay(progress)
            )
        )

    def cancel(self) -> Self:
        """Cancel the job; existing results stay readable."""
        self._loop.run(self._job.cancel())
        return self

    def retry(self) -> Self:
        """Repeat only the parts that failed."""
        self._loop.run(self._job.retry())
        return self

    def rerun(self, **changes: Any) -> Job:
        """Start a new job with the same videos and other ``job_parameters``."""
        return Job(self._loop, self._loop.run(self._job.rerun(**changes)))

    def delete(self) -> None:
        """Delete the job and its data; it must have ended."""
        self._loop.run(self._job.delete())
