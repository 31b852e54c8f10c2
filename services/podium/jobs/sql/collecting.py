"""The results of a job's videos, and the end of the job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from podium.errors import NotFound
from podium.jobs.sql import batches, jobs, videos
from podium.jobs.sql.schema.tables import Project
from podium.jobs.sql.schema.work_tables import Video
from podium.schemas.jobs import FrameRange, JobError, JobParameters, Scalar
from podium.schemas.states import TERMINAL, JobState


@dataclass(frozen=True, slots=True)
class OpenVideo:
    """A video whose results have not been merged."""

    id: int
    address: str
    results_folder: str
    frames: int
    result_keys: list[str]
    missing: list[FrameRange]
    first_error: JobError | None
    gateway_url: str | None
    options: dict[str, Scalar]
    is_last_try: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """How a video ended."""

    name: str
    state: JobState
    error: JobError | None


@dataclass(frozen=True, slots=True)
class JobFacts:
    """The content of the manifest."""

    project_id: int
    job: dict[str, Any]
    videos: list[dict[str, Any]]


def open_videos(session: Session, job_id: int, *, tries: int) -> list[OpenVideo]:
    """The videos that have not ended, in the order of the upload."""
    job = jobs.get(session, job_id)
    options = JobParameters.model_validate(job.effective_parameters).postprocess
    gateway = session.scalars(
        select(Project.project_gateway_url).where(Project.id == job.project_id)
    ).one()
    return [
        _open(session, video, gateway, options, is_last_try=job.step_attempts >= tries)
        for video in jobs.videos(session, job_id)
        if video.video_status not in TERMINAL
    ]


def collected_video(session: Session, video_id: int) -> OpenVideo:
    """A video whose results are postprocessed again. Raises NotFound."""
    video = session.scalars(select(Video).where(Video.id == video_id)).one_or_none()
    if video is None:
        raise NotFound(f"there is no video {video_id}")
    job = jobs.get(session, video.job_id)
    options = JobParameters.model_validate(job.effective_parameters).postprocess
    gateway = session.scalars(
        select(Project.project_gateway_url).where(Project.id == job.project_id)
    ).one()
    return _open(session, video, gateway, options, is_last_try=True)


def _open(
    session: Session,
    video: Video,
    gateway: str | None,
    options: dict[str, Scalar],
    *,
    is_last_try: bool,
) -> OpenVideo:
    rows = batches.of_video(session, video.id)
    lost = [row for row in rows if row.frame_batch_status != "succeeded"]
    failed = next((row for row in lost if row.error_code is not None), None)
    return OpenVideo(
        id=video.id,
        address=video.video_path,
        results_folder=video.video_results_path,
        frames=sum(row.frame_count for row in rows),
        result_keys=[
            row.frame_batch_results_path for row in rows if row.frame_batch_status == "succeeded"
        ],
        missing=[
            FrameRange(start=row.frame_batch_start_number, count=row.frame_count) for row in lost
        ],
        first_error=None
        if failed is None
        else JobError(
            code=failed.error_code or "", message=failed.error_message or "", retryable=True
        ),
        gateway_url=gateway,
        options=options,
        is_last_try=is_last_try,
    )


def finish(
    session: Session,
    video: OpenVideo,
    state: JobState,
    *,
    warnings: Sequence[str],
    error: JobError | None,
    now: datetime,
) -> bool:
    """End a video; returns False if it had ended before."""
    row = session.scalars(select(Video).where(Video.id == video.id)).one()
    return videos.finish(
        session, row, state, missing=video.missing, warnings=warnings, error=error, now=now
    )


def ended(session: Session, job_id: int) -> list[Ended]:
    """How the videos of a job ended."""
    return [
        Ended(video.video_name, cast(JobState, video.video_status), error_of(video))
        for video in jobs.videos(session, job_id)
    ]


def error_of(row: Any) -> JobError | None:
    """The error of a job or a video."""
    if row.error_code is None:
        return None
    return JobError(
        code=row.error_code, message=row.error_message or "", retryable=row.error_retryable
    )


def end_job(
    session: Session, job_id: int, state: JobState, *, error: JobError | None, now: datetime
) -> JobState:
    """End a job; returns its state, which differs if it had ended before."""
    jobs.transition(session, job_id, state, now, error=error)
    session.expire_all()
    return cast(JobState, jobs.get(session, job_id).job_status)


def end_all(
    session: Session, job_id: int, state: JobState, *, error: JobError, now: datetime
) -> None:
    """End a job and all its videos that have not ended."""
    for video in jobs.videos(session, job_id):
        if video.video_status not in TERMINAL:
            videos.finish(session, video, state, missing=[], warnings=[], error=error, now=now)
    jobs.transition(session, job_id, state, now, error=error)


def facts(session: Session, job_id: int) -> JobFacts:
    """The facts of a job for the manifest."""
    job = jobs.get(session, job_id)
    told = {
        "job_id": job.id,
        "job_name": job.job_name,
        "pipeline_id": job.pipeline_id,
        "parameters": job.effective_parameters,
        "other_files": job.other_files,
    }
    names = (
        "id", "video_name", "video_status", "video_results_path", "size_bytes", "frame_count",
        "fps", "width", "height", "duration_s", "missing", "warnings",
    )  # fmt: skip
    rows = [
        {
            **{name: getattr(video, name) for name in names},
            "error": None if (error := error_of(video)) is None else error.model_dump(),
        }
        for video in jobs.videos(session, job_id)
    ]
    return JobFacts(job.project_id, told, rows)
