"""The client for asyncio: all operations of the api, and jobs as objects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from podium.client.jobs import configuration, core, following
from podium.client.jobs.downloading import GotBytes, download
from podium.client.jobs.failures import JobFailed
from podium.client.jobs.ledger import Begun, begun, fingerprint
from podium.client.jobs.operations import OPERATIONS
from podium.client.jobs.transport import Transport
from podium.client.jobs.uploading import SentBytes, upload
from podium.errors import DeadlineExceeded, InvalidInput, NotFound
from podium.schemas.jobs import (
    Job,
    JobCreate,
    JobEstimate,
    JobEvent,
    JobParameters,
    JobResults,
    Video,
)
from podium.schemas.states import is_terminal

JobMoved = Callable[[Job], None]
"""Called with a job after each of its changes."""


class AsyncClient:
    """A client of one api; every operation of the api is a method with the operation's name.

    ``await client.create_pipeline({...})``, ``await client.list_jobs(status="failed")``,
    ``await client.update_project(3, project_concurrency=16)``: first the ids, then the body as a
    dictionary or as keywords. Lists hold all items, or at most ``limit``.

    Args:
        endpoint_url: Address of the api; None: ``PODIUM_ENDPOINT_URL``, else the address that
            ``podium configure`` has stored, else this machine.
        api_key: The key; None: ``PODIUM_API_KEY``, else the key of ``podium configure``.

    Raises:
        SetupError: the configuration cannot be read.
        InvalidInput: the address is not an HTTP address.
    """

    def __init__(self, endpoint_url: str | None = None, *, api_key: str | None = None) -> None:
        self.transport = Transport(configuration.find(endpoint_url, api_key))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self.transport.close()

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        if name not in OPERATIONS:
            raise AttributeError(f"the api has no operation {name}")
        return partial(core.call, self.transport, name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *OPERATIONS]

    async def submit(
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
    ) -> AsyncJob:
        """Upload a video, or a ZIP of videos, and start a job.

        A second call with the same arguments, also by a program that was restarted, resumes the
        upload and returns the same job, for 23 hours or until that job has failed.

        Args:
            source: A local file; or an address such as ``s3://clips/sprint.mp4`` that the key's
                project may read.
            pipeline: Name or id of the pipeline.
            name: Name of the job; None: that of the file.
            parameters: ``{"frames": {...}, "postprocess": {...}, "step": ...}``.
            athlete_id: The athlete in the videos.
            pipeline_parameter_set_id: The parameter set to use.
            retain_days: Days after the end until uploads and results are deleted; None: never.
            again: Whether to start a new job even if an equal one exists.
            progress: Called with the number of bytes sent and their total.

        Raises:
            OSError: the file cannot be read.
            InvalidInput: an argument is wrong; the message names it.
            ApiError, Unavailable: from the api.
        """
        plan = await self._plan(
            source,
            pipeline,
            job_name=name,
            job_parameters=parameters,
            athlete_id=athlete_id,
            pipeline_parameter_set_id=pipeline_parameter_set_id,
            retain_days=retain_days,
        )
        is_file = "://" not in str(source)
        file = await asyncio.to_thread(fingerprint, Path(source)) if is_file else None
        same = {**plan, "input": file or plan["input"]}
        mark = begun("jobs", self.transport.connection, same)
        if again:
            mark = mark.anew()
        elif (job := await self._made(mark)) is not None:
            return job
        elif mark.object_id is not None:
            mark = mark.anew()
        if file is None:
            return await self._start(plan, mark)
        there, sent = await upload(self.transport, Path(source), file, progress or _silent)
        started = await self._start({**plan, "input": {"upload_id": there.id}}, mark)
        sent.forget()
        return started

    async def estimate(
        self,
        source: str | Path,
        *,
        pipeline: str | int = "pose-3d",
        parameters: JobParameters | Mapping[str, Any] | None = None,
        progress: SentBytes | None = None,
    ) -> JobEstimate:
        """Estimate a job without starting it: frames, seconds, cost, place in the queue.

        Uploads the file; ``submit`` uses the same upload.

        Raises:
            OSError, InvalidInput, ApiError, Unavailable: see ``submit``.
        """
        plan = await self._plan(source, pipeline, job_parameters=parameters)
        if "://" not in str(source):
            file = await asyncio.to_thread(fingerprint, Path(source))
            there, _ = await upload(self.transport, Path(source), file, progress or _silent)
            plan["input"] = {"upload_id": there.id}
        answer = await self.transport.send(
            "POST", "/v1/jobs", is_repeatable=True, params=[("dry_run", "true")], json=plan
        )
        estimate: JobEstimate = core.read(JobEstimate, answer)
        return estimate

    async def job(self, job_id: int) -> AsyncJob:
        """An existing job. Raises ApiError."""
        return AsyncJob(self, await self.get_job(job_id))

    async def jobs(self, *, limit: int | None = None, **filters: Any) -> list[AsyncJob]:
        """Jobs, the newest first; filtered by ``status`` and ``created_after``. Raises ApiError."""
        found = await self.list_jobs(limit=limit, **filters)
        return [AsyncJob(self, job) for job in found]

    async def _plan(self, source: str | Path, pipeline: str | int, **wanted: Any) -> dict[str, Any]:
        """The body of a job, checked here; of files the input is still to come."""
        given = {name: value for name, value in wanted.items() if value is not None}
        given |= {"input": {"uri": str(source)}, "pipeline_id": await self._pipeline_id(pipeline)}
        body = core.checked(JobCreate, given, "submit")
        return body.model_dump(mode="json", exclude_unset=True)

    async def _pipeline_id(self, pipeline: str | int) -> int:
        if isinstance(pipeline, int):
            return pipeline
        known: dict[str, int] = {
            each.pipeline_name: each.id for each in await self.list_pipelines()
        }
        if pipeline not in known:
            names = ", ".join(sorted(known)) or "none"
            raise InvalidInput(f"there is no {pipeline!r}; there are: {names}", field="pipeline")
        return known[pipeline]

    async def _made(self, mark: Begun) -> AsyncJob | None:
        """The job that the same call has made before, unless it has failed."""
        if mark.object_id is None:
            return None
        try:
            job: Job = await self.get_job(mark.object_id)
        except NotFound:
            return None
        is_lost = job.job_status in ("failed", "canceled", "expired")
        return None if is_lost or job.data_deleted_at is not None else AsyncJob(self, job)

    async def _start(self, body: dict[str, Any], mark: Begun) -> AsyncJob:
        made: Job = await self.create_job(body, idempotency_key=mark.key)
        mark.made(made.id)
        return AsyncJob(self, made)


class AsyncJob:
    """A job; ``info`` has its last known state.

    Args:
        client: The client that asks for it.
        info: The job as the api answered it.
    """

    def __init__(self, client: AsyncClient, info: Job) -> None:
        self._client = client
        self.info = info

    def __repr__(self) -> str:
        return f"<job {self.id} {self.info.job_name!r}: {self.status}>"

    @property
    def id(self) -> int:
        """The id of the job."""
        return self.info.id

    @property
    def status(self) -> str:
        """The last known state, such as ``processing``; docs/jobs.md lists all."""
        return self.info.job_status

    @property
    def has_ended(self) -> bool:
        """Whether the job had ended at the last look."""
        return is_terminal(self.info.job_status)

    async def refresh(self) -> Self:
        """Update ``info``. Raises ApiError."""
        self.info = await self._client.get_job(self.id)
        return self

    async def states(self) -> AsyncIterator[Job]:
        """The job now and after each change, until it has ended. Raises ApiError."""
        async for state in following.states(self._client.transport, self.id):
            self.info = state
            yield state

    async def wait(
        self,
        *,
        timeout_s: float | None = None,
        progress: JobMoved | None = None,
        check: bool = True,
    ) -> Self:
        """Wait until the job has ended.

        Args:
            timeout_s: Longest wait in seconds; None: no limit.
            progress: Called with the job after each change.
            check: Whether to raise JobFailed for a job that failed, expired or was canceled. A job
                that succeeded in part is no error; ``info.error`` names what is missing.

        Raises:
            JobFailed: see ``check``.
            DeadlineExceeded: the job has not ended in time; it continues.
            ApiError, Unavailable: from the api.
        """
        try:
            async with asyncio.timeout(timeout_s):
                async for state in self.states():
                    if progress is not None:
                        progress(state)
        except TimeoutError:
            raise DeadlineExceeded(
                f"job {self.id} is still {self.status} after {timeout_s:g} s; it goes on"
            ) from None
        if check and self.status in ("failed", "canceled", "expired"):
            raise JobFailed(self.info)
        return self

    def events(self, after: int = 0) -> AsyncIterator[JobEvent]:
        """The events of the job with ids above ``after``, until its end.

        Raises ApiError or Unavailable.
        """
        return following.events(self._client.transport, self.id, after)

    async def videos(self) -> list[Video]:
        """The videos of the job. Raises ApiError."""
        found: list[Video] = await self._client.list_videos(job_id=self.id)
        return found

    async def results(self) -> JobResults:
        """The files of the job, with addresses that are valid for an hour. Raises ApiError."""
        found: JobResults = await self._client.get_job_results(self.id)
        return found

    async def download(
        self,
        folder: str | Path,
        *,
        only: Sequence[str] = (),
        progress: GotBytes | None = None,
    ) -> list[Path]:
        """Download the files of the job; files that are complete already are skipped.

        Args:
            folder: Gets a folder for each video and ``manifest.json``. If it holds files of
                another job, they go to its subfolder ``job-<id>``.
            only: Patterns of file names, such as ``*.csv``; empty: all files.
            progress: Called with the number of bytes received and their total.

        Raises:
            OSError: a file cannot be written.
            ApiError, Unavailable: from the api.
        """
        told = progress or _silent
        return await download(self._client.transport, self.id, Path(folder), only, told)

    async def cancel(self) -> Self:
        """Cancel the job; existing results stay readable. Raises ApiError."""
        self.info = await self._client.cancel_job(self.id)
        return self

    async def retry(self) -> Self:
        """Repeat only the parts that failed. Raises ApiError (409: nothing has failed)."""
        self.info = await self._client.retry_job(self.id)
        return self

    async def rerun(self, **changes: Any) -> AsyncJob:
        """Start a new job with the same videos and other ``job_parameters``. Raises ApiError."""
        return AsyncJob(self._client, await self._client.rerun_job(self.id, **changes))

    async def delete(self) -> None:
        """Delete the job and its data; it must have ended. Raises ApiError."""
        await self._client.delete_job(self.id)


def _silent(_: int, __: int) -> None:
    """Tells nobody."""
