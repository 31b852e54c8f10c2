"""Rows of videos: their source, their facts, and how they ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from podium.errors import Conflict, NotFound
from podium.jobs.probe import Facts
from podium.jobs.sql import events, jobs
from podium.jobs.sql.schema.tables import Project, Upload
from podium.jobs.sql.schema.work_tables import Job, Video
from podium.jobs.sql.statements import changed
from podium.schemas.jobs import FrameRange, JobError, JobInput, OtherFile
from podium.schemas.states import TERMINAL, JobState


@dataclass(frozen=True, slots=True)
class NewVideo:
    """A video of an upload."""

    name: str
    address: str
    key: str | None  # None: a user's own object, which is not copied
    results_folder: str
    size_bytes: int
    facts: Facts | None
    error: JobError | None


@dataclass(frozen=True, slots=True)
class EarlierVideo:
    """A video of an earlier job; ``key`` is None for a user's own object."""

    name: str
    address: str
    key: str | None


@dataclass(frozen=True, slots=True)
class Source:
    """The source of a job's videos."""

    project_id: int
    has_videos: bool
    upload_name: str | None
    upload_key: str | None
    uri: str | None
    prefixes: list[str]
    earlier: list[EarlierVideo]


def source_of(session: Session, job_id: int) -> Source:
    """The source of a job's videos.

    Raises:
        NotFound: the source no longer exists.
        Conflict: the upload is not complete.
    """
    job = jobs.get(session, job_id)
    given = JobInput.model_validate(job.job_input)
    prefixes = session.scalars(
        select(Project.input_prefixes).where(Project.id == job.project_id)
    ).one()
    upload = None
    if given.upload_id is not None:
        upload = session.scalars(
            select(Upload).where(Upload.id == given.upload_id, Upload.project_id == job.project_id)
        ).one_or_none()
        if upload is None:
            raise NotFound(f"there is no upload {given.upload_id}")
        if upload.upload_status != "complete":
            raise Conflict(f"upload {given.upload_id} is not complete")
    return Source(
        project_id=job.project_id,
        has_videos=bool(jobs.videos(session, job_id)),
        upload_name=None if upload is None else upload.upload_name,
        upload_key=None if upload is None else upload.object_key,
        uri=given.uri,
        prefixes=prefixes,
        earlier=_earlier(session, job.project_id, given),
    )


def _earlier(session: Session, project_id: int, given: JobInput) -> list[EarlierVideo]:
    wanted: ColumnElement[bool]
    if given.video_ids is not None:
        wanted = Video.id.in_(given.video_ids)
    elif given.job_id is not None:
        wanted = Video.job_id == given.job_id
    else:
        return []
    rows = session.scalars(
        select(Video).where(wanted, Video.project_id == project_id).order_by(Video.id)
    ).all()
    if not rows:
        raise NotFound("the videos of the earlier job are gone")
    return [EarlierVideo(row.video_name, row.video_path, row.video_key) for row in rows]


def insert(
    session: Session,
    job_id: int,
    found: Sequence[NewVideo],
    others: Sequence[OtherFile],
    now: datetime,
) -> list[int]:
    """Create the rows of videos and move the job to its next state; returns all ids."""
    job = jobs.get(session, job_id)
    present = jobs.videos(session, job_id)
    if not present:
        for ordinal, video in enumerate(found):
            row = _row(job.project_id, job_id, ordinal, video, now)
            session.add(row)
            present.append(row)
        session.flush()
        for row, video in zip(present, found, strict=True):
            if video.error is not None:
                _tell(session, row, "failed", video.error, now)
        files = [other.model_dump() for other in others]
        changed(session, update(Job).where(Job.id == job_id).values(other_files=files))
    jobs.transition(session, job_id, "submitting", now)
    return [row.id for row in present]


def _row(project_id: int, job_id: int, ordinal: int, video: NewVideo, now: datetime) -> Video:
    facts = video.facts
    return Video(
        project_id=project_id,
        job_id=job_id,
        ordinal=ordinal,
        video_name=video.name[:1000],
        video_path=video.address,
        video_key=video.key,
        video_results_path=video.results_folder,
        video_status="queued" if video.error is None else "failed",
        video_progress_percentage=0.0,
        size_bytes=video.size_bytes,
        frame_count=None if facts is None else facts.frame_count,
        fps=None if facts is None else facts.fps,
        width=None if facts is None else facts.width,
        height=None if facts is None else facts.height,
        duration_s=None if facts is None else facts.duration_s,
        missing=[],
        warnings=[] if facts is None else list(facts.warnings),
        created_at=now,
        updated_at=now,
        **jobs.error_columns(video.error),
    )


def progress(session: Session, video_id: int, percent: float, now: datetime) -> bool:
    """Write the progress of a video; returns False if it has not changed."""
    return bool(
        changed(
            session,
            update(Video)
            .where(Video.id == video_id, Video.video_progress_percentage != percent)
            .values(video_progress_percentage=percent, updated_at=now, version=Video.version + 1),
        )
    )


def transition(
    session: Session, video_id: int, earlier: JobState, to: JobState, now: datetime
) -> None:
    """Move a video from a state to the next one before its end."""
    changed(
        session,
        update(Video)
        .where(Video.id == video_id, Video.video_status == earlier)
        .values(video_status=to, updated_at=now, version=Video.version + 1),
    )


def finish(
    session: Session,
    video: Video,
    state: JobState,
    *,
    missing: Sequence[FrameRange],
    warnings: Sequence[str],
    error: JobError | None,
    now: datetime,
) -> bool:
    """End a video; returns False if it had ended before."""
    values: dict[str, Any] = {
        "video_status": state,
        "missing": [part.model_dump() for part in missing],
        "warnings": [*video.warnings, *warnings],
        "updated_at": now,
        "version": Video.version + 1,
        **jobs.error_columns(error),
    }
    if state != "canceled":
        values["video_progress_percentage"] = 100.0
    open_one = update(Video).where(Video.id == video.id, Video.video_status.not_in(TERMINAL))
    if not changed(session, open_one.values(**values)):
        return False
    _tell(session, video, state, error, now)
    return True


def reopen(session: Session, job_id: int, now: datetime) -> None:
    """Reopen the videos of a job that lack results."""
    changed(
        session,
        update(Video)
        .where(
            Video.job_id == job_id,
            Video.frame_count.is_not(None),
            Video.video_status.in_(("failed", "partially_succeeded", "canceled", "expired")),
        )
        .values(
            video_status="queued",
            missing=[],
            warnings=[],
            updated_at=now,
            version=Video.version + 1,
            **jobs.error_columns(None),
        ),
    )


def _tell(
    session: Session, video: Video, state: JobState, error: JobError | None, now: datetime
) -> None:
    if state not in ("succeeded", "partially_succeeded", "failed"):
        return
    data: dict[str, Any] = {"video_id": video.id, "video_name": video.video_name, "state": state}
    if error is not None:
        data["error"] = error.model_dump(mode="json")
    events.add(
        session,
        "video.failed" if state == "failed" else "video.succeeded",
        project_id=video.project_id,
        job_id=video.job_id,
        data=data,
        now=now,
    )
