"""Jobs, videos and frame batches as documents for callers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    Table,
    bindparam,
    func,
    literal_column,
    select,
)

from podium.errors import NotFound
from podium.jobs.sql.catalogue import LARGEST_LIMIT, USUAL_LIMIT, page_of, read_cursor
from podium.jobs.sql.collecting import error_of
from podium.jobs.sql.schema import work_tables
from podium.jobs.sql.tenancy import AnyRow, OwnedRows, Reads
from podium.schemas import jobs as schemas
from podium.schemas.base import Page
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


def _counts(of_jobs: Callable[[Table], ColumnElement[bool]]) -> OwnedRows:
    """Rows (job, "video" or "batch", state, number of parts in this state)."""

    def counted(table: Table, part: str, state: str) -> Select[Any]:
        job_id, in_state = table.c.job_id, table.c[state]
        columns = select(job_id, literal_column(f"'{part}'"), in_state, func.count())
        return columns.where(of_jobs(table)).group_by(job_id, in_state)

    return OwnedRows(
        counted(_videos, "video", "video_status"), counted(_batches, "batch", "frame_batch_status")
    )


_COUNTS_OF_ONE = _counts(lambda table: table.c.job_id == bindparam("id"))
_COUNTS_OF_SEVERAL = _counts(lambda table: table.c.job_id.in_(_several))
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


def job(by: Reads, job_id: int, now: datetime) -> schemas.Job:
    """A job with its progress and its place in the queue. Raises NotFound."""
    row = _one(_JOB, by, "job", job_id)
    [shown] = _shown(by, [row], now, place=_place(by, row))
    return shown


def state(by: Reads, job_id: int) -> JobState:
    """The state of a job. Raises NotFound."""
    return cast(JobState, _one(_STATE, by, "job", job_id).job_status)


def list_jobs(
    by: Reads,
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
        by: Session or ``ReadOnly`` of the principal.
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
    rows = _listed_jobs(frozenset(given), newest_first)(by, **given, size=size + 1).all()
    return page_of(_shown(by, rows[:size], now), len(rows) > size)


def list_videos(
    by: Reads, *, job_id: int | None, limit: int = USUAL_LIMIT, cursor: str | None = None
) -> Page[schemas.Video]:
    """Videos of one job or of all, in the order of their ids. Raises InvalidInput."""
    rows, has_more = _page(by, _videos, limit, cursor, job_id=job_id)
    return page_of([_video(row) for row in rows], has_more)


def video(by: Reads, video_id: int) -> schemas.Video:
    """A video. Raises NotFound."""
    return _video(_one(_VIDEO, by, "video", video_id))


def list_frame_batches(
    by: Reads, *, video_id: int | None, limit: int = USUAL_LIMIT, cursor: str | None = None
) -> Page[schemas.FrameBatch]:
    """Frame batches of one video or of all, in the order of their ids. Raises InvalidInput."""
    rows, has_more = _page(by, _batches, limit, cursor, video_id=video_id)
    keys = _keys(by, rows)
    return page_of([_frame_batch(row, keys) for row in rows], has_more)


def frame_batch(by: Reads, batch_id: int) -> schemas.FrameBatch:
    """A frame batch. Raises NotFound."""
    row = _one(_BATCH, by, "frame_batch", batch_id)
    return _frame_batch(row, _keys(by, [row]))


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
    by: Reads, table: Table, limit: int, cursor: str | None, **parent: int | None
) -> tuple[Sequence[AnyRow], bool]:
    """Rows of a page, of one parent or of all, and whether there are more."""
    size = min(limit, LARGEST_LIMIT)
    [(column, value)] = parent.items()
    given = {} if value is None else {"parent": value}
    read = _listed(table, column if given else None)
    rows = read(by, **given, after=read_cursor(cursor), size=size + 1).all()
    return rows[:size], len(rows) > size


def _one(read: OwnedRows, by: Reads, name: str, row_id: int) -> AnyRow:
    row = read(by, id=row_id).one_or_none()
    if row is None:
        raise NotFound(f"there is no {name} {row_id}")
    return row


def _shown(
    by: Reads, rows: Sequence[AnyRow], now: datetime, place: int | None = None
) -> list[schemas.Job]:
    counts = _counted(by, [row.id for row in rows])
    return [
        schemas.Job.model_validate(
            {
                **_columns(row, schemas.Job, _DERIVED),
                "progress": _progress(row, *counts[row.id], now, place),
                "error": error_of(row),
            }
        )
        for row in rows
    ]


def _counted(by: Reads, job_ids: list[int]) -> dict[int, tuple[Counter[str], Counter[str]]]:
    """Job -> numbers of its videos and of its frame batches, by state."""
    found = {job_id: (Counter[str](), Counter[str]()) for job_id in job_ids}
    if len(job_ids) == 1:
        rows = _COUNTS_OF_ONE(by, id=job_ids[0])
    else:
        rows = _COUNTS_OF_SEVERAL(by, ids=job_ids)
    for job_id, part, part_state, count in rows:
        found[job_id][part == "batch"][part_state] = count
    return found


def _progress(
    row: AnyRow, videos: Counter[str], parts: Counter[str], now: datetime, place: int | None
) -> dict[str, Any]:
    """The values of ``schemas.jobs.Progress``, which are checked once, with the whole job."""
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
    return {
        "videos": {"total": videos.total(), "succeeded": good, "failed": videos["failed"]},
        "frame_batches": {
            "total": total, "succeeded": parts["succeeded"], "failed": parts["failed"],
        },
        "percent": round(percent, 1),
        "eta_s": eta_s,
        "queue_position": place,
    }  # fmt: skip


def _place(by: Reads, row: AnyRow) -> int | None:
    """Number of frame batches of the class and project ahead of the first one of this job."""
    if row.job_status != "processing":
        return None
    first = _FIRST_WAITING(by, id=row.id).scalar_one()
    if first is None:
        return None
    before = _WAITING_BEFORE(by, project=row.project_id, priority=row.priority, id=first)
    return int(before.scalar_one())


def _video(row: AnyRow) -> schemas.Video:
    values = _columns(row, schemas.Video, _DERIVED)
    return schemas.Video(
        **{**values, "video_path": row.video_key or row.video_path}, error=error_of(row)
    )


def _keys(by: Reads, rows: Sequence[AnyRow]) -> dict[int, str]:
    """Video -> its key in the object store; callers must not see paths of the server."""
    found = _KEYS(by, ids=list({row.video_id for row in rows}))
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
