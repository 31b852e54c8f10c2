"""Events of a job: as a stream of server-sent events, or as pages.

The id of an event is that of its row, so ``Last-Event-ID`` resumes a broken stream at any replica.
Source: HTML Living Standard, section 9.2 (server-sent events).
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import Field
from starlette.responses import StreamingResponse

from podium.api.answers import answer
from podium.api.caller import Caller, Reader
from podium.api.operation import operation
from podium.errors import InvalidInput, NotFound, Unavailable
from podium.jobs.sql import catalogue, events, views
from podium.jobs.sql.tenancy import ReadOnly
from podium.schemas.base import Closed, Id, Page
from podium.schemas.jobs import JobEvent
from podium.schemas.states import TERMINAL

EVENT_STREAM = "text/event-stream"
_EVERY_S = 0.5
_KEEP_ALIVE_S = 15.0
_AT_ONCE = 100

MOST_STREAMS, MOST_OF_A_PROJECT = 128, 32
"""Open at a replica: each asks the database twice a second and takes the place of a request. Who
asks for one more gets a page, as all clients understand."""

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


class EventsWanted(Closed):
    """Query parameters of the events of a job."""

    after: int = Field(default=0, ge=0, le=2**53 - 1)
    """Only events with larger ids."""

    limit: int = Field(default=_AT_ONCE, ge=1)
    """Largest number of events of a page; values above 1,000 mean 1,000."""


@operation(
    router,
    "GET",
    "/{job_id}/events",
    response_model=Page[JobEvent],
    responses={
        200: {"content": {EVENT_STREAM: {"schema": {"type": "string"}}}},
        204: {"description": "Of a stream: the job has ended, and no event is left."},
    },
)
async def list_job_events(
    request: Request,
    caller: Reader,
    job_id: Id,
    wanted: Annotated[EventsWanted, Query()],
    last_event_id: Annotated[
        str | None, Header(description="Of a stream: the last event that has arrived.")
    ] = None,
) -> Response:
    """What happened to a job; as a stream with Accept: text/event-stream.

    If many streams of the project are open already, the answer is a page.
    """
    after = _last(last_event_id, wanted.after)
    first, is_over = await caller.page(_look(job_id, after, wanted.limit), wanted.limit)
    streams: Counter[int | None] = request.app.state.streams
    is_full = (
        streams.total() >= MOST_STREAMS or streams[caller.principal.project_id] >= MOST_OF_A_PROJECT
    )
    if is_full or EVENT_STREAM not in request.headers.get("accept", ""):
        limit = min(wanted.limit, catalogue.LARGEST_LIMIT)
        return answer(Page(items=first, next_cursor=None if len(first) < limit else ""))
    if is_over and not first:
        return Response(status_code=204)  # a browser comes back no more
    return StreamingResponse(
        _counted(streams, caller.principal.project_id, _stream(request, caller, job_id, after)),
        media_type=EVENT_STREAM,
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _counted(
    streams: Counter[int | None], project_id: int | None, stream: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    """The stream, which counts as open meanwhile."""
    streams[project_id] += 1
    try:
        async for piece in stream:
            yield piece
    finally:
        streams[project_id] -= 1
        if not streams[project_id]:
            del streams[project_id]


async def _stream(
    request: Request, caller: Caller, job_id: int, after: int
) -> AsyncIterator[bytes]:
    """The events until the job has ended, or this replica is to stop."""
    admission = request.app.state.admission
    said_at = time.monotonic()
    yield b"retry: 1000\n\n"
    while not admission.draining:
        try:
            found, is_over = await caller.page(_look(job_id, after, _AT_ONCE), _AT_ONCE)
        except (NotFound, Unavailable):
            return  # deleted meanwhile, or the database is away: the client comes back
        for event in found:
            after = event.id
            data = event.model_dump_json()
            yield f"id: {event.id}\nevent: {event.type}\ndata: {data}\n\n".encode()
        if is_over and not found:
            return
        if found:
            said_at = time.monotonic()
            continue
        if time.monotonic() - said_at > _KEEP_ALIVE_S:
            said_at = time.monotonic()
            yield b": still there\n\n"
        await asyncio.sleep(_EVERY_S)


def _look(job_id: int, after: int, limit: int) -> Callable[[ReadOnly], tuple[list[JobEvent], bool]]:
    """Reads the next events, and whether the job had ended before they were read."""

    def look(by: ReadOnly) -> tuple[list[JobEvent], bool]:
        is_over = views.state(by, job_id) in TERMINAL
        size = min(limit, catalogue.LARGEST_LIMIT)
        return events.after(by, job_id, after, size), is_over

    return look


def _last(header: str | None, query: int) -> int:
    if header is None or not header.strip():
        return query
    if not (header.isascii() and header.isdigit() and len(header) < 17):
        raise InvalidInput("is the id of an event, a whole number", field="Last-Event-ID")
    return int(header)
