"""The tables of jobs, videos, frame batches, events and deliveries."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Double, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from podium.jobs.sql.schema.columns import (
    Base,
    BigId,
    Document,
    Items,
    Key,
    Moment,
    Owned,
    Path,
    Short,
    Text200,
    Text1000,
    Versioned,
    When,
    reference,
)


class Job(Owned, Versioned, Base):
    """A job. The columns after ``is_open`` are for the controllers."""

    __tablename__ = "job"
    __table_args__ = (
        Index(None, "is_open", "due_at"),
        Index(None, "project_id", "id"),
        Base.__table_args__,
    )

    id: Mapped[Key]
    user_id: Mapped[int | None] = reference("user", ondelete="SET NULL")
    pipeline_id: Mapped[int] = reference("pipeline")
    pipeline_parameter_set_id: Mapped[int | None] = reference("pipeline_parameter_set")
    athlete_id: Mapped[int | None] = reference("athlete", ondelete="SET NULL")
    job_name: Mapped[Text200]
    job_status: Mapped[Short]
    job_input: Mapped[Document]
    job_parameters: Mapped[Document]
    effective_parameters: Mapped[Document]
    job_results_path: Mapped[Path]
    priority: Mapped[Short]
    other_files: Mapped[Items]
    state_times: Mapped[Document]
    error_code: Mapped[Short | None]
    error_message: Mapped[Text1000 | None]
    error_retryable: Mapped[bool]
    retain_days: Mapped[int | None] = mapped_column(Integer)
    deadline_at: Mapped[When]
    finished_at: Mapped[datetime | None] = mapped_column(Moment)
    retain_until: Mapped[datetime | None] = mapped_column(Moment, index=True)
    data_deleted_at: Mapped[datetime | None] = mapped_column(Moment)
    is_open: Mapped[bool]
    due_at: Mapped[When]
    owner: Mapped[Short | None]
    lease_until: Mapped[datetime | None] = mapped_column(Moment)
    step_attempts: Mapped[int] = mapped_column(Integer)


class Video(Owned, Versioned, Base):
    """One video of a job."""

    __tablename__ = "video"
    __table_args__ = (
        UniqueConstraint("job_id", "ordinal"),
        Base.__table_args__,
    )

    id: Mapped[Key]
    job_id: Mapped[int] = reference("job", ondelete="CASCADE")
    ordinal: Mapped[int] = mapped_column(Integer)
    video_name: Mapped[Text1000]
    video_path: Mapped[Path]
    video_key: Mapped[Path | None]
    video_results_path: Mapped[Path]
    video_status: Mapped[Short]
    video_progress_percentage: Mapped[float] = mapped_column(Double)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    frame_count: Mapped[int | None] = mapped_column(BigInteger)
    fps: Mapped[float | None] = mapped_column(Double)
    width: Mapped[int | None] = mapped_column(Integer)
    height: Mapped[int | None] = mapped_column(Integer)
    duration_s: Mapped[float | None] = mapped_column(Double)
    missing: Mapped[Items]
    warnings: Mapped[Items]
    error_code: Mapped[Short | None]
    error_message: Mapped[Text1000 | None]
    error_retryable: Mapped[bool]


class FrameBatch(Owned, Base):
    """Consecutive frames of a video. A lease is ``owner``, ``lease_until`` and ``attempt``."""

    __tablename__ = "frame_batch"
    __table_args__ = (
        UniqueConstraint("video_id", "frame_batch_start_number"),
        Index(None, "frame_batch_status", "project_id", "priority", "id"),
        Index(None, "job_id", "frame_batch_status"),
        Base.__table_args__,
    )

    id: Mapped[Key]
    video_id: Mapped[int] = mapped_column(BigId)
    job_id: Mapped[int] = mapped_column(BigId)
    frame_batch_start_number: Mapped[int] = mapped_column(BigInteger)
    frame_batch_end_number: Mapped[int] = mapped_column(BigInteger)
    frame_batch_input_path: Mapped[Path]
    frame_batch_results_path: Mapped[Path]
    frame_count: Mapped[int] = mapped_column(Integer)
    step: Mapped[int] = mapped_column(Integer)
    frame_batch_status: Mapped[Short]
    priority: Mapped[Short]
    attempt: Mapped[int] = mapped_column(Integer)
    owner: Mapped[Short | None]
    lease_until: Mapped[datetime | None] = mapped_column(Moment)
    available_at: Mapped[When]
    error_code: Mapped[Short | None]
    error_message: Mapped[Text1000 | None]
    created_at: Mapped[When]
    updated_at: Mapped[When]


class JobEvent(Owned, Base):
    """An event of a job."""

    __tablename__ = "job_event"

    id: Mapped[Key]
    job_id: Mapped[int] = reference("job", ondelete="CASCADE")
    type: Mapped[Short]
    data: Mapped[Document]
    created_at: Mapped[When]


class WebhookDelivery(Owned, Base):
    """Delivery of one event to one webhook."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        Index(None, "delivery_status", "next_attempt_at"),
        Base.__table_args__,
    )

    id: Mapped[Key]
    webhook_id: Mapped[int] = reference("webhook", ondelete="CASCADE")
    event_id: Mapped[int | None] = reference("job_event", ondelete="SET NULL")
    message_id: Mapped[Short]
    type: Mapped[Short]
    body: Mapped[Document]
    delivery_status: Mapped[Short]
    attempts: Mapped[int] = mapped_column(Integer)
    next_attempt_at: Mapped[datetime | None] = mapped_column(Moment)
    last_status: Mapped[int | None] = mapped_column(Integer)
    last_error: Mapped[str | None] = mapped_column(String(1000))
    created_at: Mapped[When]
    delivered_at: Mapped[datetime | None] = mapped_column(Moment)
