"""Creates a job and rolls it back, to check it like a real one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from podium.jobs.sql import gauges, jobs, submission, videos
from podium.jobs.sql.videos import Source
from podium.jobs.timing import Timing
from podium.schemas.jobs import JobCreate, JobParameters


@dataclass(frozen=True, slots=True)
class Trial:
    """The source and parameters that a job would have, and the queue before it."""

    source: Source
    parameters: JobParameters
    frames_per_s: float | None
    waiting: int


def attempt(session: Session, wanted: JobCreate, timing: Timing, now: datetime) -> Trial:
    """Try to create a job. Raises what ``submission.create`` raises."""
    made = session.begin_nested()
    job_id = submission.create(session, wanted, timing, now)
    job = jobs.get(session, job_id)
    trial = Trial(
        source=videos.source_of(session, job_id),
        parameters=JobParameters.model_validate(job.effective_parameters),
        frames_per_s=gauges.frames_per_s(session, job.project_id, now),
        waiting=gauges.waiting_of(session, job.project_id, job.priority),
    )
    made.rollback()
    return trial
