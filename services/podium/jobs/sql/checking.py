"""The status of a job: ended frame batches, and those whose workers died."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from sqlalchemy.orm import Session

from podium.jobs.sql import batches, events, jobs, leases, videos
from podium.schemas.states import OPEN_BATCH, JobState


@dataclass(frozen=True, slots=True)
class Checked:
    """The status of a job."""

    state: JobState
    pending: int
    """Frame batches that have not ended."""

    recovered: list[int] = field(default_factory=list)
    """Frame batches whose workers died and that were offered again."""


def check(session: Session, job_id: int, *, tries: int, now: datetime) -> Checked:
    """Check a job and write changes: the progress of videos, and an event about it.

    Batches of dead workers are offered again, unless the job is canceling.
    """
    job = jobs.get(session, job_id)
    if job.job_status == "canceling":
        leases.cancel_lapsed(session, job_id, now)
    recovered = leases.recover(session, job_id, tries=tries, now=now)
    by_video: dict[int, Counter[str]] = {}
    for (_, video_id, state), count in batches.counts(session, [job_id]).items():
        by_video.setdefault(video_id, Counter())[state] += count
    moved = False
    for video in jobs.videos(session, job_id):
        states = by_video.get(video.id)
        if states is None or video.video_status not in ("processing", "collecting"):
            continue
        total, pending = states.total(), _open(states)
        percent = round(100.0 * (total - pending) / total, 1)
        moved |= videos.progress(session, video.id, percent, now)
        if not pending:
            videos.transition(session, video.id, "processing", "collecting", now)
    counted: Counter[str] = sum(by_video.values(), Counter())
    pending = _open(counted)
    if moved:
        ended = counted.total() - pending
        data = {
            "percent": round(100.0 * ended / counted.total(), 1),
            "frame_batches": {
                "total": counted.total(),
                "succeeded": counted["succeeded"],
                "failed": counted["failed"],
            },
        }
        events.add(
            session, "job.progress", project_id=job.project_id, job_id=job_id, data=data, now=now
        )
    return Checked(cast(JobState, job.job_status), pending, recovered)


def _open(states: Counter[str]) -> int:
    return sum(states[state] for state in OPEN_BATCH)
