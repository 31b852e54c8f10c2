"""Creates, cancels and retries jobs, and deletes their data."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeVar, cast

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from podium.errors import Conflict, Forbidden, Unprocessable
from podium.jobs.objects import job_folder
from podium.jobs.principal import Principal
from podium.jobs.sql import batches, jobs, videos
from podium.jobs.sql.schema.tables import (
    Athlete,
    Pipeline,
    PipelineParameters,
    Project,
    Upload,
    User,
    UserGroup,
)
from podium.jobs.sql.schema.work_tables import FrameBatch, Job, Video
from podium.jobs.sql.statements import changed
from podium.jobs.sql.tenancy import principal_of
from podium.jobs.timing import Timing
from podium.schemas.jobs import JobCreate, JobInput, JobParameters, JobRerun
from podium.schemas.states import REPEATABLE, TERMINAL, JobState

Row = TypeVar("Row", Pipeline, User, Athlete, Upload, Job)


def create(session: Session, wanted: JobCreate, timing: Timing, now: datetime) -> int:
    """Create a job in the project of the principal; returns its id.

    Raises:
        Unprocessable: it refers to a missing object; the message names the field.
        Forbidden: the project may not read the address.
        Conflict: the upload is not complete.
    """
    principal = principal_of(session)
    project = _project(session, principal)
    _require(session, Pipeline, wanted.pipeline_id, "pipeline_id")
    user_id = wanted.user_id if wanted.user_id is not None else principal.user_id
    user = None if user_id is None else _require(session, User, user_id, "user_id")
    set_id = wanted.pipeline_parameter_set_id
    if set_id is None and user is not None:
        group = session.scalars(select(UserGroup).where(UserGroup.id == user.group_id)).one()
        set_id = group.pipeline_parameter_set_id
    name = _check_input(session, wanted.input, project)
    job = Job(
        project_id=project.id,
        user_id=user_id,
        pipeline_id=wanted.pipeline_id,
        pipeline_parameter_set_id=set_id,
        athlete_id=wanted.athlete_id,
        job_name=wanted.job_name or name,
        job_status="queued",
        job_input=wanted.input.model_dump(exclude_none=True),
        job_parameters=wanted.job_parameters.model_dump(exclude_defaults=True),
        effective_parameters=_effective(session, wanted, set_id).model_dump(exclude_none=True),
        job_results_path="",
        priority=project.project_priority,
        other_files=[],
        state_times={"queued": now.isoformat()},
        error_retryable=False,
        retain_days=wanted.retain_days,
        deadline_at=now + timedelta(seconds=timing.job_deadline_s),
        is_open=True,
        due_at=now,
        step_attempts=0,
        created_at=now,
        updated_at=now,
    )
    session.add(job)
    session.flush()
    job.job_results_path = job_folder(project.id, job.id)
    session.flush()
    return job.id


def again(session: Session, job_id: int, changes: JobRerun) -> JobCreate:
    """The document of a job that runs the videos of another job again. Raises NotFound."""
    job = jobs.get(session, job_id)
    values = {
        "job_name": job.job_name,
        "pipeline_id": job.pipeline_id,
        "pipeline_parameter_set_id": job.pipeline_parameter_set_id,
        "athlete_id": job.athlete_id,
        "job_parameters": JobParameters.model_validate(job.job_parameters),
        "retain_days": job.retain_days,
        **{name: getattr(changes, name) for name in changes.model_fields_set},
    }
    kept = {name: value for name, value in values.items() if value is not None}
    return JobCreate.model_validate({**kept, "input": JobInput(job_id=job_id)})


def cancel(session: Session, job_id: int, now: datetime) -> JobState:
    """Cancel a job; returns its state. A job that has ended does not change."""
    jobs.request_cancel(session, job_id, now)
    session.expire_all()
    return cast(JobState, jobs.get(session, job_id).job_status)


def retry(session: Session, job_id: int, timing: Timing, now: datetime) -> None:
    """Restart a job to complete its missing results; existing results stay.

    Raises:
        NotFound: there is no such job.
        Conflict: it has not ended, has all its results, or its data is deleted.
    """
    job = jobs.get(session, job_id)
    if job.job_status not in REPEATABLE:
        raise Conflict(f"job {job_id} is {job.job_status}: there is nothing to try again")
    if job.data_deleted_at is not None:
        raise Conflict(f"the data of job {job_id} is deleted")
    if not jobs.transition(session, job_id, "queued", now):
        raise Conflict(f"job {job_id} has changed meanwhile; look at it again")
    deadline = now + timedelta(seconds=timing.job_deadline_s)
    again = {"deadline_at": deadline, "retain_until": None, **jobs.error_columns(None)}
    changed(session, update(Job).where(Job.id == job_id).values(**again))
    batches.reopen(session, job_id, now)
    videos.reopen(session, job_id, now)


def mark_data_deleted(session: Session, job_id: int, now: datetime) -> list[str]:
    """Mark the data of an ended job as deleted; returns the folders and keys to delete.

    Raises:
        NotFound: there is no such job.
        Conflict: it has not ended.
    """
    job = jobs.get(session, job_id)
    if job.job_status not in TERMINAL:
        raise Conflict(f"job {job_id} is {job.job_status}; cancel it first")
    held = update(Job).where(Job.id == job_id, Job.is_open.is_(False))
    if not changed(session, held.values(data_deleted_at=now, updated_at=now)):
        raise Conflict(f"job {job_id} has changed meanwhile; look at it again")
    doomed = [job_folder(job.project_id, job_id)]
    given = JobInput.model_validate(job.job_input)
    if given.upload_id is not None and not _is_upload_used(session, given.upload_id, job_id):
        key = select(Upload.object_key).where(Upload.id == given.upload_id)
        doomed += session.scalars(key).all()
    return doomed


def remove(session: Session, job_id: int) -> None:
    """Delete the rows of an ended job. Raises NotFound or Conflict."""
    job = jobs.get(session, job_id)
    if job.job_status not in TERMINAL:
        raise Conflict(f"job {job_id} is {job.job_status}; cancel it first")
    for kind in (FrameBatch, Video):
        changed(session, delete(kind).where(kind.job_id == job_id))
    if not changed(session, delete(Job).where(Job.id == job_id, Job.is_open.is_(False))):
        raise Conflict(f"job {job_id} has changed meanwhile; look at it again")


def _project(session: Session, principal: Principal) -> Project:
    if principal.project_id is None:
        raise Forbidden("jobs belong to a project, and this key has none")
    found = session.scalars(select(Project).where(Project.id == principal.project_id))
    project = found.one_or_none()
    if project is None:
        raise Forbidden("the project of this key is gone")
    return project


def _require(session: Session, kind: type[Row], row_id: int, field: str) -> Row:
    found = session.scalars(select(kind).where(kind.id == row_id)).one_or_none()
    if found is None:
        raise Unprocessable(f"there is no such object {row_id}", field=field)
    return found


def _check_input(session: Session, given: JobInput, project: Project) -> str:
    """Check the input; returns a name for the job. Raises Unprocessable, Forbidden, Conflict."""
    if given.upload_id is not None:
        upload = _require(session, Upload, given.upload_id, "input.upload_id")
        if upload.project_id != project.id:
            raise Unprocessable("is of another project", field="input.upload_id")
        if upload.upload_status != "complete":
            raise Conflict(f"upload {upload.id} is {upload.upload_status}; complete it first")
        return upload.upload_name
    if given.uri is not None:
        allowed = any(given.uri.startswith(prefix) for prefix in project.input_prefixes)
        if not allowed or "/../" in f"{given.uri}/" or "%" in given.uri:
            raise Forbidden("input.uri: is not below an address that the project may read")
        return given.uri.rpartition("/")[2][:200] or "video"
    if given.job_id is not None:
        earlier = _require(session, Job, given.job_id, "input.job_id")
        if earlier.project_id != project.id or earlier.data_deleted_at is not None:
            raise Unprocessable("has no videos any more", field="input.job_id")
        return earlier.job_name
    wanted = set(given.video_ids or [])
    rows = session.scalars(select(Video).where(Video.id.in_(wanted))).all()
    missing = wanted - {row.id for row in rows if row.project_id == project.id}
    if missing:
        raise Unprocessable(f"there is no video {min(missing)}", field="input.video_ids")
    return rows[0].video_name[:200]


def _effective(session: Session, wanted: JobCreate, set_id: int | None) -> JobParameters:
    """The pipeline's parameters in the set, overridden by those of the job."""
    usual = JobParameters()
    if set_id is not None:
        row = session.scalars(
            select(PipelineParameters).where(
                PipelineParameters.pipeline_parameter_set_id == set_id,
                PipelineParameters.pipeline_id == wanted.pipeline_id,
            )
        ).one_or_none()
        if row is not None:
            usual = JobParameters.model_validate(row.pipeline_parameters_value)
    own = wanted.job_parameters
    postprocess = {**usual.postprocess, **own.postprocess}
    if wanted.athlete_id is not None:
        athlete = _require(session, Athlete, wanted.athlete_id, "athlete_id")
        for option in ("athlete_height_m", "athlete_mass_kg"):
            if (value := getattr(athlete, option)) is not None:
                postprocess.setdefault(option, value)
    return JobParameters(
        frames={**usual.frames, **own.frames},
        postprocess=postprocess,
        step=own.step or usual.step,
        batch_frames=own.batch_frames or usual.batch_frames,
    )


def _is_upload_used(session: Session, upload_id: int, by_other_than: int) -> bool:
    rows = session.scalars(
        select(Job.job_input).where(Job.id != by_other_than, Job.data_deleted_at.is_(None))
    )
    return any(row.get("upload_id") == upload_id for row in rows)
