"""Routes to read videos, frame batches and the queue."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response

from podium.api.answers import Paging, answer
from podium.api.caller import Reader
from podium.api.operation import operation
from podium.jobs.sql import gauges, views
from podium.schemas.base import Id, Page
from podium.schemas.jobs import FrameBatch, Queue, Video

router = APIRouter(prefix="/v1")


class VideosWanted(Paging):
    """Query parameters of the list of videos."""

    job_id: Id | None = None
    """Only videos of this job."""


class FrameBatchesWanted(Paging):
    """Query parameters of the list of frame batches."""

    video_id: Id | None = None
    """Only frame batches of this video."""


@operation(router, "GET", "/videos", tags=["videos"], response_model=Page[Video])
async def list_videos(caller: Reader, wanted: Annotated[VideosWanted, Query()]) -> Response:
    """List videos."""
    page = partial(
        views.list_videos, job_id=wanted.job_id, limit=wanted.limit, cursor=wanted.cursor
    )
    return answer(await caller.page(page, wanted.limit))


@operation(router, "GET", "/videos/{video_id}", tags=["videos"], response_model=Video)
async def get_video(caller: Reader, video_id: Id) -> Response:
    """Get a video."""
    return answer(await caller.few(partial(views.video, video_id=video_id)))


@operation(router, "GET", "/frame_batches", tags=["frame_batches"], response_model=Page[FrameBatch])
async def list_frame_batches(
    caller: Reader, wanted: Annotated[FrameBatchesWanted, Query()]
) -> Response:
    """List frame batches."""
    page = partial(
        views.list_frame_batches,
        video_id=wanted.video_id,
        limit=wanted.limit,
        cursor=wanted.cursor,
    )
    return answer(await caller.page(page, wanted.limit))


@operation(
    router,
    "GET",
    "/frame_batches/{frame_batch_id}",
    tags=["frame_batches"],
    response_model=FrameBatch,
)
async def get_frame_batch(caller: Reader, frame_batch_id: Id) -> Response:
    """Get a frame batch."""
    return answer(await caller.few(partial(views.frame_batch, batch_id=frame_batch_id)))


@operation(router, "GET", "/queue", tags=["jobs"], response_model=Queue)
def get_queue(caller: Reader) -> Response:
    """What waits and what is at work."""
    counted = caller.look(partial(gauges.gauges, now=caller.env.now()))
    return answer(Queue.model_validate(counted))
