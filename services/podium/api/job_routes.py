"""Routes of jobs: create, get, update, cancel, retry, rerun, delete, results."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field
from sqlalchemy.orm import Session

from podium.api.answers import IfMatch, Paging, answer, job_answer, version_of
from podium.api.caller import Caller, Reader, Writer
from podium.api.once import Once, Repeatable, replay_headers
from podium.api.operation import operation
from podium.api.pipeline_options import check_options
from podium.jobs import housekeeping
from podium.jobs.estimate import estimate
from podium.jobs.observing.oplog import action
from podium.jobs.results import results
from podium.jobs.sql import job_update, submission, views
from podium.jobs.sql.idempotency import Answer
from podium.schemas.base import Id, Page, Time
from podium.schemas.jobs import Job, JobCreate, JobEstimate, JobRerun, JobResults, JobUpdate
from podium.schemas.states import JobState, is_terminal

PATH = "/v1/jobs"
router = APIRouter(prefix=PATH, tags=["jobs"])

_ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "model": Job,
        "description": "Begun; `Location` is where to look, `Retry-After` when.",
    }
}
_ESTIMATE: dict[int | str, dict[str, Any]] = {
    200: {"model": JobEstimate, "description": "With `dry_run`: what the job would be."}
}


class JobsWanted(Paging):
    """Query parameters of the list of jobs."""

    status: list[JobState] = Field(default_factory=list, max_length=16)
    """Only jobs in these states; may be repeated."""

    created_after: Time | None = None
    """Only jobs created after this time."""

    oldest_first: bool = False
    """Whether the oldest come first; by default the newest do."""


@operation(router, "GET", "", response_model=Page[Job])
async def list_jobs(caller: Reader, wanted: Annotated[JobsWanted, Query()]) -> Response:
    """List jobs."""
    page = partial(
        views.list_jobs,
        now=caller.env.now(),
        limit=wanted.limit,
        cursor=wanted.cursor,
        states=wanted.status,
        created_after=wanted.created_after,
        newest_first=not wanted.oldest_first,
    )
    return answer(await caller.page(page, wanted.limit))


@operation(router, "POST", "", status_code=202, responses={**_ACCEPTED, **_ESTIMATE})
def create_job(
    caller: Writer, body: JobCreate, once: Repeatable, dry_run: Annotated[bool, Query()] = False
) -> Response:
    """Start a job, or see with dry_run what it would be."""
    check_options(body)
    if dry_run:
        return answer(estimate(caller.env, caller.principal, body))
    return _create(caller, once, lambda _: body)


@operation(router, "GET", "/{job_id:int}", response_model=Job)
async def get_job(caller: Reader, job_id: Id) -> Response:
    """Get a job."""
    shown = partial(views.job, job_id=job_id, now=caller.env.now())
    return job_answer(await caller.few(shown))


@operation(router, "PUT", "/{job_id:int}", response_model=Job)
def update_job(caller: Writer, job_id: Id, body: JobUpdate, if_match: IfMatch = None) -> Response:
    """Rename a job, change its priority, or how long its data is kept."""
    env, version = caller.env, version_of(if_match)
    with action(env.log, "update_job", job_id=job_id):
        change = partial(
            job_update.update_job, job_id=job_id, wanted=body, version=version, now=env.now()
        )
        caller.write(change)
    return job_answer(_job(caller, job_id))


@operation(router, "DELETE", "/{job_id:int}", status_code=204)
def delete_job(caller: Writer, job_id: Id) -> Response:
    """Delete a job that has ended, with its data."""
    housekeeping.delete_data(caller.env, caller.principal, job_id)
    with action(caller.env.log, "delete_job", job_id=job_id):
        caller.write(partial(submission.remove, job_id=job_id))
    return Response(status_code=204)


@operation(router, "POST", "/{job_id}/cancel", response_model=Job, responses=_ACCEPTED)
def cancel_job(caller: Writer, job_id: Id) -> Response:
    """Begin no more work on a job."""
    with action(caller.env.log, "cancel", job_id=job_id) as outcome:
        now = caller.env.now()
        outcome["state"] = caller.write(partial(submission.cancel, job_id=job_id, now=now))
    job = _job(caller, job_id)
    return job_answer(job, 200 if is_terminal(job.job_status) else 202)


@operation(router, "POST", "/{job_id}/retry", status_code=202, response_model=Job)
def retry_job(caller: Writer, job_id: Id) -> Response:
    """Do again what failed, and nothing else."""
    env = caller.env
    with action(env.log, "retry", job_id=job_id):
        now = env.now()
        caller.write(partial(submission.retry, job_id=job_id, timing=env.timing, now=now))
        env.start(job_id, again=now)
    return job_answer(_job(caller, job_id), 202)


@operation(router, "POST", "/{job_id}/rerun", status_code=202, response_model=Job)
def rerun_job(caller: Writer, job_id: Id, body: JobRerun, once: Repeatable) -> Response:
    """Run the videos of a job again, as a new job."""
    check_options(body)
    return _create(caller, once, partial(submission.again, job_id=job_id, changes=body))


@operation(router, "GET", "/{job_id}/results", response_model=JobResults)
def get_job_results(caller: Reader, job_id: Id) -> Response:
    """Get the files of a job."""
    return answer(results(caller.env, caller.principal, job_id))


@operation(router, "DELETE", "/{job_id}/data", response_model=Job)
def delete_job_data(caller: Writer, job_id: Id) -> Response:
    """Delete uploads and results of a job that has ended; the job stays."""
    housekeeping.delete_data(caller.env, caller.principal, job_id)
    return job_answer(_job(caller, job_id))


def _create(caller: Caller, once: Once, wanted: Any) -> Response:
    env = caller.env

    def make(session: Session) -> Answer:
        job_id = submission.create(session, wanted(session), env.timing, env.now())
        return Answer(202, views.job(session, job_id, env.now()).model_dump(mode="json"))

    with action(env.log, "create_job", project_id=caller.principal.project_id) as outcome:
        made, replayed = once.write(caller, make)
        job = Job.model_validate(made.body)
        outcome |= {"job_id": job.id, "replayed": replayed}
        if not replayed:
            env.start(job.id)
    headers = {"location": f"{PATH}/{job.id}", **replay_headers(replayed)}
    return job_answer(job, made.status, headers)


def _job(caller: Caller, job_id: int) -> Job:
    return caller.look(partial(views.job, job_id=job_id, now=caller.env.now()))
