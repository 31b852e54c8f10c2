"""Divides videos into frame batches; the job's state is checked in the same transaction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from podium.errors import NotFound
from podium.jobs.sql import batches, videos
from podium.jobs.sql.batches import NewBatch
from podium.jobs.sql.schema.tables import Project
from podium.jobs.sql.schema.work_tables import Job, Video
from podium.schemas.jobs import JobParameters
from podium.schemas.states import Priority


@dataclass(frozen=True, slots=True)
class Offer:
    """Frame batches to announce on the stream."""

    queue: str | None
    priority: Priority
    ids: list[int]


def make(session: Session, video_id: int, *, usual_frames: int, now: datetime) -> Offer:
    """Create the missing frame batches of a video; returns those that are not yet offered.

    Empty for a video that has failed, or whose job is no longer submitting.

    Raises:
        NotFound: there is no such video.
    """
    video = session.scalars(select(Video).where(Video.id == video_id)).one_or_none()
    if video is None:
        raise NotFound(f"there is no video {video_id}")
    # Locked, so that a cancellation comes before or after all of this.
    job = session.scalars(select(Job).where(Job.id == video.job_id).with_for_update()).one()
    offer = Offer(queue_of(session, job.project_id), cast(Priority, job.priority), [])
    if job.job_status != "submitting" or video.frame_count is None:
        return offer
    if video.video_status not in ("queued", "processing"):
        return offer
    parameters = JobParameters.model_validate(job.effective_parameters)
    step = parameters.step or 1
    cut = list(
        _cut(
            video.frame_count,
            step,
            parameters.batch_frames or usual_frames,
            video.video_results_path,
        )
    )
    batches.insert_batches(
        session, job, video_id, cut, address=video.video_path, step=step, now=now
    )
    videos.transition(session, video_id, "queued", "processing", now)
    offer.ids.extend(batches.pending(session, video_id))
    return offer


def queue_of(session: Session, project_id: int) -> str | None:
    """The project's own stream, if any."""
    return session.scalars(
        select(Project.project_queue_arn).where(Project.id == project_id)
    ).one_or_none()


def _cut(frames: int, step: int, size: int, results: str) -> Iterator[NewBatch]:
    """Batches of ``size`` frames; every ``step``-th frame of the video is taken."""
    for start in range(0, frames, size * step):
        taken = range(start, min(start + size * step, frames), step)
        yield NewBatch(start, taken[-1], len(taken), f"{results}/batches/{start:010d}.json")
