"""Jobs, videos and frame batches as documents for callers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from podium.errors import NotFound
from podium.jobs.sql import batches, jobs
from podium.jobs.sql.catalogue import LARGEST_LIMIT, USUAL_LIMIT, page_of, read_cursor
from podium.jobs.sql.collecting import error_of
from podium.jobs.sql.schema.work_tables import FrameBatch, Job, Video
from podium.schemas import jobs as schemas
from podium.schemas.base import Page
from podium.schemas.jobs import Count, Progress
from podium.schemas.states import OPEN_BATCH, TERMINAL

_DERIVED = {"progress", "error"}


def job(session: Session, job_id: int, now: datetime) -> schemas.Job:
    """A job with its progress and its place in the queue. Raises NotFound."""
    row = jobs.get(session, job_id)
    [shown] = _shown(session, [row], now)
    place = _place(session, row)
    return shown.model_copy(
        update={"progress": shown.progress.model_copy(update={"queue_position": place})}
    )


def list_jobs(
    session: Session,
    now: datetime,
    *,
    limit: int = USUAL_LIMIT,
    cursor: str | None = None,
    states: Sequence[str] = (),
    created_after: datetime | None = None,
    newest_first: bool = True,
) -> Page[schemas.Job]:
    """Jobs, the newest first.

    Args:
        session: Session of the principal.
        now: The current time.
        limit: Largest number of jobs, at most 1,000.
        cursor: ``next_cursor`` of the page before.
        states: Only jobs in these states; empty: all.
        created_after: Only jobs created later.
        newest_first: Whether the newest come first, else the oldest.

    Raises:
        InvalidInput: the cursor is invalid.
    """
    after = read_cursor(cursor)
    wanted = select(Job).order_by(Job.id.desc() if newest_first else Job.id)
    if cursor is not None:
        wanted = wanted.where(Job.id < after if newest_first else Job.id > after)
    if states:
        wanted = wanted.where(Job.job_status.in_(states))
    if created_after is not None:
        wanted = wanted.where(Job.created_at > created_after)
    size = min(limit, LARGEST_LIMIT)
    rows = session.scalars(wanted.limit(size + 1)).all()
    return page_of(_shown(session, rows[:size], now), len(rows) > size)


def list_videos(
    session: Session, *, job_id: int | None, limit: int = USUAL_LIMIT, cursor: str | None = None
) -> Page[schemas.Video]:
    """Videos of one job or of all, in the order of their ids. Raises InvalidInput."""
    wanted = select(Video).where(Video.id > read_cursor(cursor)).order_by(Video.id)
    if job_id is not None:
        wanted = wanted.where(Video.job_id == job_id)
    size = min(limit, LARGEST_LIMIT)
    rows = session.scalars(wanted.limit(size + 1)).all()
    return page_of([_video(row) for row in rows[:size]], len(rows) > size)


def video(session: Session, video_id: int) -> schemas.Video:
    """A video. Raises NotFound."""
    row = session.scalars(select(Video).where(Video.id == video_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no video {video_id}")
    return _video(row)


def list_frame_batches(
    session: Session, *, video_id: int | None, limit: int = USUAL_LIMIT, cursor: str | None = None
) -> Page[schemas.FrameBatch]:
    """Frame batches of one video or of all, in the order of their ids. Raises InvalidInput."""
    wanted = select(FrameBatch).where(FrameBatch.id > read_cursor(cursor)).order_by(FrameBatch.id)
    if video_id is not None:
        wanted = wanted.where(FrameBatch.video_id == video_id)
    size = min(limit, LARGEST_LIMIT)
    rows = session.scalars(wanted.limit(size + 1)).all()
    keys = _keys(session, rows)
    return page_of([_frame_batch(row, keys) for row in rows[:size]], len(rows) > size)


def frame_batch(session: Session, batch_id: int) -> schemas.FrameBatch:
    """A frame batch. Raises NotFound."""
    row = session.scalars(select(FrameBatch).where(FrameBatch.id == batch_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no frame_batch {batch_id}")
    return _frame_batch(row, _keys(session, [row]))


def _shown(session: Session, rows: Sequence[Job], now: datetime) -> list[schemas.Job]:
    ids = [row.id for row in rows]
    videos: dict[int, Counter[str]] = {job_id: Counter() for job_id in ids}
    states = session.execute(
        select(Video.job_id, Video.video_status, func.count(Video.id))
        .where(Video.job_id.in_(ids))
        .group_by(Video.job_id, Video.video_status)
    )
    for job_id, state, count in states:
        videos[job_id][state] += count
    parts: dict[int, Counter[str]] = {job_id: Counter() for job_id in ids}
    for (job_id, _, state), count in batches.counts(session, ids).items():
        parts[job_id][state] += count
    return [
        schemas.Job(
            **_columns(row, schemas.Job, _DERIVED),
            progress=_progress(row, videos[row.id], parts[row.id], now),
            error=error_of(row),
        )
        for row in rows
    ]


def _progress(row: Job, videos: Counter[str], parts: Counter[str], now: datetime) -> Progress:
    total = parts.total()
    ended = total - sum(parts[state] for state in OPEN_BATCH)
    percent = 100.0 * ended / total if total else 0.0
    if row.job_status == "succeeded":
        percent = 100.0
    eta_s = None
    begun = row.state_times.get("processing")
    if ended and row.job_status not in TERMINAL and begun is not None:
        elapsed_s = (now - datetime.fromisoformat(begun)).total_seconds()
        eta_s = round(elapsed_s * (total - ended) / ended, 1)
    good = videos["succeeded"] + videos["partially_succeeded"]
    return Progress(
        videos=Count(total=videos.total(), succeeded=good, failed=videos["failed"]),
        frame_batches=Count(total=total, succeeded=parts["succeeded"], failed=parts["failed"]),
        percent=round(percent, 1),
        eta_s=eta_s,
    )


def _place(session: Session, row: Job) -> int | None:
    """Number of frame batches of the class and project ahead of the first one of this job."""
    if row.job_status != "processing":
        return None
    offered = FrameBatch.frame_batch_status == "submitted"
    first = session.scalars(
        select(func.min(FrameBatch.id)).where(FrameBatch.job_id == row.id, offered)
    ).one()
    if first is None:
        return None
    return session.scalars(
        select(func.count(FrameBatch.id)).where(
            offered,
            FrameBatch.project_id == row.project_id,
            FrameBatch.priority == row.priority,
            FrameBatch.id < first,
        )
    ).one()


def _video(row: Video) -> schemas.Video:
    values = _columns(row, schemas.Video, _DERIVED)
    return schemas.Video(
        **{**values, "video_path": row.video_key or row.video_path}, error=error_of(row)
    )


def _keys(session: Session, rows: Sequence[FrameBatch]) -> dict[int, str]:
    """Video -> its key in the object store; callers must not see paths of the server."""
    wanted = select(Video.id, Video.video_key).where(Video.id.in_({row.video_id for row in rows}))
    return {video_id: key for video_id, key in session.execute(wanted) if key is not None}


def _frame_batch(row: FrameBatch, keys: dict[int, str]) -> schemas.FrameBatch:
    error = None
    if row.error_code is not None and row.frame_batch_status != "succeeded":
        error = schemas.JobError(code=row.error_code, message=row.error_message or "")
    values = _columns(row, schemas.FrameBatch, {"error", "version"})
    values["frame_batch_input_path"] = keys.get(row.video_id, row.frame_batch_input_path)
    return schemas.FrameBatch(**values, version=row.attempt + 1, error=error)


def _columns(row: Any, schema: type[Any], without: set[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in schema.model_fields if name not in without}
