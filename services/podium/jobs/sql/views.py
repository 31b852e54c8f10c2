"""Jobs, videos and frame batches as documents for callers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import BindParameter, Select, Table, bindparam, func, select
from sqlalchemy.orm import Session

from podium.errors import NotFound
from podium.jobs.sql.catalogue import LARGEST_LIMIT, USUAL_LIMIT, page_of, read_cursor
from podium.jobs.sql.collecting import error_of
from podium.jobs.sql.schema import work_tables
from podium.jobs.sql.tenancy import AnyRow, OwnedRows
from podium.schemas import jobs as schemas
from podium.schemas.base import Page
from podium.schemas.jobs import Count, Progress
from podium.schemas.states import OPEN_BATCH, TERMINAL, JobState

_DERIVED = {"progress", "error"}

_jobs = cast(Table, work_tables.Job.__table__)
_videos = cast(Table, work_tables.Video.__table__)
_batches = cast(Table, work_tables.FrameBatch.__table__)
_several: BindParameter[int] = bindparam("ids", expanding=True)

_shown_of_jobs = [column for column in _jobs.c if column.name != "effective_parameters"]

_JOB = OwnedRows(select(*_shown_of_jobs).where(_jobs.c.id == bindparam("id")))
_STATE = OwnedRows(select(_jobs.c.job_status).where(_jobs.c.id == bindparam("id")))
_VIDEO = OwnedRows(select(_videos).where(_videos.c.id == bindparam("id")))
_BATCH = OwnedRows(select(_batches).where(_batches.c.id == bindparam("id")))
_KEYS = OwnedRows(select(_videos.c.id, _videos.c.video_key).where(_videos.c.id.in_(_several)))
_VIDEOS_BY_STATE = OwnedRows(
    select(_videos.c.job_id, _videos.c.video_status, func.count())
    .where(_videos.c.job_id.in_(_several))
    .group_by(_videos.c.job_id, _videos.c.video_status)
)
_BATCHES_BY_STATE = OwnedRows(
    select(_batches.c.job_id, _batches.c.frame_batch_status, func.count())
    .where(_batches.c.job_id.in_(_several))
    .group_by(_batches.c.job_id, _batches.c.frame_batch_status)
)
_FIRST_WAITING = OwnedRows(
    select(func.min(_batches.c.id)).where(
        _batches.c.job_id == bindparam("id"), _batches.c.frame_batch_status == "submitted"
    )
)
_WAITING_BEFORE = OwnedRows(
    select(func.count()).where(
        _batches.c.frame_batch_status == "submitted",
        _batches.c.project_id == bindparam("project"),
        _batches.c.priority == bindparam("priority"),
        _batches.c.id < bindparam("id"),
    )
)


def job(session: Session, job_id: int, now: datetime) -> schemas.Job:
    """A job with its progress and its place in the queue. Raises NotFound."""
    row = _one(_JOB, session, "job", job_id)
    [shown] = _shown(session, [row], now, place=_place(session, row))
    return shown


def state(session: Session, job_id: int) -> JobState:
    """The state of a job. Raises NotFound."""
    return cast(JobState, _one(_STATE, session, "job", job_id).job_status)


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
    given = {
        "after": None if cursor is None else read_cursor(cursor),
        "states": list(states) or None,
        "created_after": created_after,
    }
    given = {name: value for name, value in given.items() if value is not None}
    size = min(limit, LARGEST_LIMIT)
    rows = _listed_jobs(frozenset(given), newest_first)(session, **given, size=size + 1).all()
    return page_of(_shown(session, rows[:size], now), len(rows) > size)


def list_videos(
    session: Session, *, job_id: int | None, limit: int = USUAL_LIMIT, cursor: str | None = None
) -> Page[schemas.Video]:
    """Videos of one job or of all, in the order of their ids. Raises InvalidInput."""
    rows, has_more = _page(session, _videos, limit, cursor, job_id=job_id)
    return page_of([_video(row) for row in rows], has_more)


def video(session: Session, video_id: int) -> schemas.Video:
    """A video. Raises NotFound."""
    return _video(_one(_VIDEO, session, "video", video_id))


def list_frame_batches(
    session: Session, *, video_id: int | None, limit: int = USUAL_LIMIT, cursor: str | None = None
) -> Page[schemas.FrameBatch]:
    """Frame batches of one video or of all, in the order of their ids. Raises InvalidInput."""
    rows, has_more = _page(session, _batches, limit, cursor, video_id=video_id)
    keys = _keys(session, rows)
    return page_of([_frame_batch(row, keys) for row in rows], has_more)


def frame_batch(session: Session, batch_id: int) -> schemas.FrameBatch:
    """A frame batch. Raises NotFound."""
    row = _one(_BATCH, session, "frame_batch", batch_id)
    return _frame_batch(row, _keys(session, [row]))


@lru_cache(maxsize=32)
def _listed_jobs(given: frozenset[str], newest_first: bool) -> OwnedRows:
    """The statement for these parameters."""
    column = _jobs.c.id
    conditions = {
        "after": column < bindparam("after") if newest_first else column > bindparam("after"),
        "states": _jobs.c.job_status.in_(bindparam("states", expanding=True)),
        "created_after": _jobs.c.created_at > bindparam("created_after"),
    }
    order = column.desc() if newest_first else column
    wanted = select(*_shown_of_jobs).where(*(conditions[name] for name in sorted(given)))
    return OwnedRows(wanted.order_by(order).limit(bindparam("size")))


@lru_cache(maxsize=8)
def _listed(table: Table, parent: str | None) -> OwnedRows:
    """The rows of a table, or those with a parent, in the order of their ids."""
    wanted: Select[Any] = select(table).where(table.c.id > bindparam("after")).order_by(table.c.id)
    if parent is not None:
        wanted = wanted.where(table.c[parent] == bindparam("parent"))
    return OwnedRows(wanted.limit(bindparam("size")))


def _page(
    session: Session, table: Table, limit: int, cursor: str | None, **parent: int | None
) -> tuple[Sequence[AnyRow], bool]:
    """Rows of a page, of one parent or of all, and whether there are more."""
    size = min(limit, LARGEST_LIMIT)
    [(column, value)] = parent.items()
    given = {} if value is None else {"parent": value}
    read = _listed(table, column if given else None)
    rows = read(session, **given, after=read_cursor(cursor), size=size + 1).all()
    return rows[:size], len(rows) > size


def _one(read: OwnedRows, session: Session, name: str, row_id: int) -> AnyRow:
    row = read(session, id=row_id).one_or_none()
    if row is None:
        raise NotFound(f"there is no {name} {row_id}")
    return row


def _shown(
    session: Session, rows: Sequence[AnyRow], now: datetime, place: int | None = None
) -> list[schemas.Job]:
    ids = [row.id for row in rows]
    videos = _counted(_VIDEOS_BY_STATE, session, ids)
    parts = _counted(_BATCHES_BY_STATE, session, ids)
    return [
        schemas.Job(
            **_columns(row, schemas.Job, _DERIVED),
            progress=_progress(row, videos[row.id], parts[row.id], now, place),
            error=error_of(row),
        )
        for row in rows
    ]


def _counted(read: OwnedRows, session: Session, job_ids: list[int]) -> dict[int, Counter[str]]:
    """Job -> state -> number of parts."""
    found: dict[int, Counter[str]] = {job_id: Counter() for job_id in job_ids}
    for job_id, part_state, count in read(session, ids=job_ids):
        found[job_id][part_state] = count
    return found


def _progress(
    row: AnyRow, videos: Counter[str], parts: Counter[str], now: datetime, place: int | None
) -> Progress:
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
        queue_position=place,
    )


def _place(session: Session, row: AnyRow) -> int | None:
    """Number of frame batches of the class and project ahead of the first one of this job."""
    if row.job_status != "processing":
        return None
    first = _FIRST_WAITING(session, id=row.id).scalar_one()
    if first is None:
        return None
    before = _WAITING_BEFORE(session, project=row.project_id, priority=row.priority, id=first)
    return int(before.scalar_one())


def _video(row: AnyRow) -> schemas.Video:
    values = _columns(row, schemas.Video, _DERIVED)
    return schemas.Video(
        **{**values, "video_path": row.video_key or row.video_path}, error=error_of(row)
    )


def _keys(session: Session, rows: Sequence[AnyRow]) -> dict[int, str]:
    """Video -> its key in the object store; callers must not see paths of the server."""
    found = _KEYS(session, ids=list({row.video_id for row in rows}))
    return {video_id: key for video_id, key in found if key is not None}


def _frame_batch(row: AnyRow, keys: dict[int, str]) -> schemas.FrameBatch:
    error = None
    if row.error_code is not None and row.frame_batch_status != "succeeded":
        error = schemas.JobError(code=row.error_code, message=row.error_message or "")
    values = _columns(row, schemas.FrameBatch, {"error", "version"})
    values["frame_batch_input_path"] = keys.get(row.video_id, row.frame_batch_input_path)
    return schemas.FrameBatch(**values, version=row.attempt + 1, error=error)


def _columns(row: Any, schema: type[Any], without: set[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in schema.model_fields if name not in without}
