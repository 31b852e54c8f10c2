"""The tables of the objects around jobs."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Double, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from podium.jobs.sql.schema.columns import (
    Base,
    Document,
    Items,
    Json,
    Key,
    Moment,
    Owned,
    Path,
    Shared,
    Short,
    Text200,
    Text1000,
    Versioned,
    When,
    reference,
)


class Project(Versioned, Base):
    """A tenant with a tier of infrastructure."""

    __tablename__ = "project"

    id: Mapped[Key]
    project_name: Mapped[Text200]
    project_gateway_url: Mapped[Path | None]
    project_cluster_url: Mapped[Path | None]
    project_queue_arn: Mapped[Path | None]
    project_priority: Mapped[Short]
    project_concurrency: Mapped[int] = mapped_column(Integer)
    input_prefixes: Mapped[Items]


class UserGroup(Owned, Versioned, Base):
    """Users who share a project and a set of parameters."""

    __tablename__ = "user_group"

    id: Mapped[Key]
    pipeline_parameter_set_id: Mapped[int | None] = reference("pipeline_parameter_set")
    user_group_name: Mapped[Text200]
    user_group_description: Mapped[Text1000]


class User(Owned, Versioned, Base):
    """A person who may submit jobs."""

    __tablename__ = "user"

    id: Mapped[Key]
    group_id: Mapped[int] = reference("user_group")
    user_name: Mapped[Text200]
    user_email: Mapped[str] = mapped_column(String(254))


class Pipeline(Shared, Versioned, Base):
    """A pipeline for jobs."""

    __tablename__ = "pipeline"

    id: Mapped[Key]
    pipeline_name: Mapped[Text200]
    pipeline_description: Mapped[Text1000]
    pipeline_endpoint: Mapped[Text200]


class PipelineParameterSet(Shared, Versioned, Base):
    """A collection of parameters."""

    __tablename__ = "pipeline_parameter_set"

    id: Mapped[Key]
    pipeline_parameter_set_name: Mapped[Text200]
    pipeline_parameter_set_description: Mapped[Text1000]


class PipelineParameters(Shared, Versioned, Base):
    """The parameters of one pipeline in a set."""

    __tablename__ = "pipeline_parameters"
    __table_args__ = (
        UniqueConstraint("pipeline_parameter_set_id", "pipeline_id"),
        Base.__table_args__,
    )

    id: Mapped[Key]
    pipeline_id: Mapped[int] = reference("pipeline")
    pipeline_parameter_set_id: Mapped[int] = reference("pipeline_parameter_set")
    pipeline_parameters_name: Mapped[Text200]
    pipeline_parameters_value: Mapped[Document]


class Athlete(Owned, Versioned, Base):
    """An athlete in videos."""

    __tablename__ = "athlete"

    id: Mapped[Key]
    athlete_name: Mapped[Text200]
    athlete_height_m: Mapped[float | None] = mapped_column(Double)
    athlete_mass_kg: Mapped[float | None] = mapped_column(Double)
    athlete_sex: Mapped[Short]


class Upload(Owned, Versioned, Base):
    """An upload of a file, in progress or complete."""

    __tablename__ = "upload"

    id: Mapped[Key]
    user_id: Mapped[int | None] = reference("user", ondelete="SET NULL")
    upload_name: Mapped[Text200]
    upload_status: Mapped[Short]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    object_key: Mapped[Path]
    part_size: Mapped[int | None] = mapped_column(Integer)
    store_upload_id: Mapped[Text1000 | None]
    expires_at: Mapped[When]


class ApiKey(Owned, Base):
    """A key, with only a hash of its secret."""

    __tablename__ = "api_key"

    id: Mapped[Key]
    user_id: Mapped[int | None] = reference("user", ondelete="CASCADE")
    api_key_name: Mapped[Text200]
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]] = mapped_column(Json)
    created_at: Mapped[When]
    expires_at: Mapped[datetime | None] = mapped_column(Moment)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)
    last_used_at: Mapped[datetime | None] = mapped_column(Moment)


class IdempotencyKey(Owned, Base):
    """An idempotency key, with the answer to its request."""

    __tablename__ = "idempotency_key"
    __table_args__ = (
        UniqueConstraint("project_id", "idempotency_key"),
        Base.__table_args__,
    )

    id: Mapped[Key]
    idempotency_key: Mapped[Text200]
    fingerprint: Mapped[Short]
    is_done: Mapped[bool] = mapped_column(Boolean)
    answer_status: Mapped[int | None] = mapped_column(Integer)
    answer: Mapped[Document | None]
    created_at: Mapped[When]
    expires_at: Mapped[datetime] = mapped_column(Moment, index=True)


class Webhook(Owned, Versioned, Base):
    """An address that receives events."""

    __tablename__ = "webhook"

    id: Mapped[Key]
    webhook_url: Mapped[Path]
    events: Mapped[Items]
    enabled: Mapped[bool] = mapped_column(Boolean)
    disabled_reason: Mapped[Text1000 | None]
    secret: Mapped[Text200]
    earlier_secret: Mapped[Text200 | None]
    earlier_secret_until: Mapped[datetime | None] = mapped_column(Moment)
