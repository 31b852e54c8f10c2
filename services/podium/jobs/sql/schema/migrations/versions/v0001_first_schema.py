"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from podium.jobs.sql.schema.columns import BigId, Json, Moment

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "project",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("project_name", sa.String(length=200), nullable=False),
        sa.Column("project_gateway_url", sa.String(length=2000), nullable=True),
        sa.Column("project_cluster_url", sa.String(length=2000), nullable=True),
        sa.Column("project_queue_arn", sa.String(length=2000), nullable=True),
        sa.Column("project_priority", sa.String(length=64), nullable=False),
        sa.Column("project_concurrency", sa.Integer(), nullable=False),
        sa.Column("input_prefixes", Json(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "athlete",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("athlete_name", sa.String(length=200), nullable=False),
        sa.Column("athlete_height_m", sa.Double(), nullable=True),
        sa.Column("athlete_mass_kg", sa.Double(), nullable=True),
        sa.Column("athlete_sex", sa.String(length=64), nullable=False),
        sa.Column("project_id", BigId, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_athlete_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_athlete")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_athlete_project_id"), "athlete", ["project_id"], unique=False)

    op.create_table(
        "frame_batch",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("video_id", BigId, nullable=False),
        sa.Column("job_id", BigId, nullable=False),
        sa.Column("frame_batch_start_number", sa.BigInteger(), nullable=False),
        sa.Column("frame_batch_end_number", sa.BigInteger(), nullable=False),
        sa.Column("frame_batch_input_path", sa.String(length=2000), nullable=False),
        sa.Column("frame_batch_results_path", sa.String(length=2000), nullable=False),
        sa.Column("frame_count", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("frame_batch_status", sa.String(length=64), nullable=False),
        sa.Column("priority", sa.String(length=64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", Moment(), nullable=True),
        sa.Column("available_at", Moment(), nullable=False),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("error_message", sa.String(length=1000), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("project_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_frame_batch_project_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_frame_batch")),
        sa.UniqueConstraint(
            "video_id",
            "frame_batch_start_number",
            name=op.f("uq_frame_batch_video_id_frame_batch_start_number"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_frame_batch_frame_batch_status_project_id_priority_id"),
        "frame_batch",
        ["frame_batch_status", "project_id", "priority", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_frame_batch_job_id_frame_batch_status"),
        "frame_batch",
        ["job_id", "frame_batch_status"],
        unique=False,
    )
    op.create_index(op.f("ix_frame_batch_project_id"), "frame_batch", ["project_id"], unique=False)

    op.create_table(
        "idempotency_key",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("idempotency_key", sa.String(length=200), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("is_done", sa.Boolean(), nullable=False),
        sa.Column("answer_status", sa.Integer(), nullable=True),
        sa.Column("answer", Json(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("project_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_idempotency_key_project_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotency_key")),
        sa.UniqueConstraint(
            "project_id",
            "idempotency_key",
            name=op.f("uq_idempotency_key_project_id_idempotency_key"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_idempotency_key_expires_at"), "idempotency_key", ["expires_at"], unique=False
    )
    op.create_index(
        op.f("ix_idempotency_key_project_id"), "idempotency_key", ["project_id"], unique=False
    )

    op.create_table(
        "pipeline",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("pipeline_name", sa.String(length=200), nullable=False),
        sa.Column("pipeline_description", sa.String(length=1000), nullable=False),
        sa.Column("pipeline_endpoint", sa.String(length=200), nullable=False),
        sa.Column("project_id", BigId, nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_pipeline_project_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pipeline")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_pipeline_project_id"), "pipeline", ["project_id"], unique=False)

    op.create_table(
        "pipeline_parameter_set",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("pipeline_parameter_set_name", sa.String(length=200), nullable=False),
        sa.Column("pipeline_parameter_set_description", sa.String(length=1000), nullable=False),
        sa.Column("project_id", BigId, nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_pipeline_parameter_set_project_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pipeline_parameter_set")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_pipeline_parameter_set_project_id"),
        "pipeline_parameter_set",
        ["project_id"],
        unique=False,
    )

    op.create_table(
        "webhook",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("webhook_url", sa.String(length=2000), nullable=False),
        sa.Column("events", Json(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", sa.String(length=1000), nullable=True),
        sa.Column("secret", sa.String(length=200), nullable=False),
        sa.Column("earlier_secret", sa.String(length=200), nullable=True),
        sa.Column("earlier_secret_until", Moment(), nullable=True),
        sa.Column("project_id", BigId, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_webhook_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_webhook_project_id"), "webhook", ["project_id"], unique=False)

    op.create_table(
        "pipeline_parameters",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("pipeline_id", BigId, nullable=False),
        sa.Column("pipeline_parameter_set_id", BigId, nullable=False),
        sa.Column("pipeline_parameters_name", sa.String(length=200), nullable=False),
        sa.Column("pipeline_parameters_value", Json(), nullable=False),
        sa.Column("project_id", BigId, nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["pipeline_id"], ["pipeline.id"], name=op.f("fk_pipeline_parameters_pipeline_id")
        ),
        sa.ForeignKeyConstraint(
            ["pipeline_parameter_set_id"],
            ["pipeline_parameter_set.id"],
            name=op.f("fk_pipeline_parameters_pipeline_parameter_set_id"),
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_pipeline_parameters_project_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pipeline_parameters")),
        sa.UniqueConstraint(
            "pipeline_parameter_set_id",
            "pipeline_id",
            name=op.f("uq_pipeline_parameters_pipeline_parameter_set_id_pipeline_id"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_pipeline_parameters_pipeline_id"),
        "pipeline_parameters",
        ["pipeline_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_pipeline_parameters_pipeline_parameter_set_id"),
        "pipeline_parameters",
        ["pipeline_parameter_set_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_pipeline_parameters_project_id"),
        "pipeline_parameters",
        ["project_id"],
        unique=False,
    )

    op.create_table(
        "user_group",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("pipeline_parameter_set_id", BigId, nullable=True),
        sa.Column("user_group_name", sa.String(length=200), nullable=False),
        sa.Column("user_group_description", sa.String(length=1000), nullable=False),
        sa.Column("project_id", BigId, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["pipeline_parameter_set_id"],
            ["pipeline_parameter_set.id"],
            name=op.f("fk_user_group_pipeline_parameter_set_id"),
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_user_group_project_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_group")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_user_group_pipeline_parameter_set_id"),
        "user_group",
        ["pipeline_parameter_set_id"],
        unique=False,
    )
    op.create_index(op.f("ix_user_group_project_id"), "user_group", ["project_id"], unique=False)

    op.create_table(
        "user",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("group_id", BigId, nullable=False),
        sa.Column("user_name", sa.String(length=200), nullable=False),
        sa.Column("user_email", sa.String(length=254), nullable=False),
        sa.Column("project_id", BigId, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["user_group.id"], name=op.f("fk_user_group_id")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_user_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_user_group_id"), "user", ["group_id"], unique=False)
    op.create_index(op.f("ix_user_project_id"), "user", ["project_id"], unique=False)

    op.create_table(
        "api_key",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("user_id", BigId, nullable=True),
        sa.Column("api_key_name", sa.String(length=200), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", Json(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=True),
        sa.Column("revoked_at", Moment(), nullable=True),
        sa.Column("last_used_at", Moment(), nullable=True),
        sa.Column("project_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_api_key_project_id")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_api_key_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_api_key_key_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_api_key_project_id"), "api_key", ["project_id"], unique=False)
    op.create_index(op.f("ix_api_key_user_id"), "api_key", ["user_id"], unique=False)

    op.create_table(
        "job",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("user_id", BigId, nullable=True),
        sa.Column("pipeline_id", BigId, nullable=False),
        sa.Column("pipeline_parameter_set_id", BigId, nullable=True),
        sa.Column("athlete_id", BigId, nullable=True),
        sa.Column("job_name", sa.String(length=200), nullable=False),
        sa.Column("job_status", sa.String(length=64), nullable=False),
        sa.Column("job_input", Json(), nullable=False),
        sa.Column("job_parameters", Json(), nullable=False),
        sa.Column("effective_parameters", Json(), nullable=False),
        sa.Column("job_results_path", sa.String(length=2000), nullable=False),
        sa.Column("priority", sa.String(length=64), nullable=False),
        sa.Column("other_files", Json(), nullable=False),
        sa.Column("state_times", Json(), nullable=False),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("error_message", sa.String(length=1000), nullable=True),
        sa.Column("error_retryable", sa.Boolean(), nullable=False),
        sa.Column("retain_days", sa.Integer(), nullable=True),
        sa.Column("deadline_at", Moment(), nullable=False),
        sa.Column("finished_at", Moment(), nullable=True),
        sa.Column("retain_until", Moment(), nullable=True),
        sa.Column("data_deleted_at", Moment(), nullable=True),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("due_at", Moment(), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", Moment(), nullable=True),
        sa.Column("step_attempts", sa.Integer(), nullable=False),
        sa.Column("project_id", BigId, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["athlete_id"], ["athlete.id"], name=op.f("fk_job_athlete_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipeline.id"], name=op.f("fk_job_pipeline_id")),
        sa.ForeignKeyConstraint(
            ["pipeline_parameter_set_id"],
            ["pipeline_parameter_set.id"],
            name=op.f("fk_job_pipeline_parameter_set_id"),
        ),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_job_project_id")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_job_user_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_job_athlete_id"), "job", ["athlete_id"], unique=False)
    op.create_index(op.f("ix_job_is_open_due_at"), "job", ["is_open", "due_at"], unique=False)
    op.create_index(op.f("ix_job_pipeline_id"), "job", ["pipeline_id"], unique=False)
    op.create_index(
        op.f("ix_job_pipeline_parameter_set_id"), "job", ["pipeline_parameter_set_id"], unique=False
    )
    op.create_index(op.f("ix_job_project_id"), "job", ["project_id"], unique=False)
    op.create_index(op.f("ix_job_project_id_id"), "job", ["project_id", "id"], unique=False)
    op.create_index(op.f("ix_job_retain_until"), "job", ["retain_until"], unique=False)
    op.create_index(op.f("ix_job_user_id"), "job", ["user_id"], unique=False)

    op.create_table(
        "upload",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("user_id", BigId, nullable=True),
        sa.Column("upload_name", sa.String(length=200), nullable=False),
        sa.Column("upload_status", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("object_key", sa.String(length=2000), nullable=False),
        sa.Column("part_size", sa.Integer(), nullable=True),
        sa.Column("store_upload_id", sa.String(length=1000), nullable=True),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("project_id", BigId, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_upload_project_id")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_upload_user_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_upload_project_id"), "upload", ["project_id"], unique=False)
    op.create_index(op.f("ix_upload_user_id"), "upload", ["user_id"], unique=False)

    op.create_table(
        "job_event",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("job_id", BigId, nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("data", Json(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("project_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["job.id"], name=op.f("fk_job_event_job_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_job_event_project_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_event")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_job_event_job_id"), "job_event", ["job_id"], unique=False)
    op.create_index(op.f("ix_job_event_project_id"), "job_event", ["project_id"], unique=False)

    op.create_table(
        "video",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("job_id", BigId, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("video_name", sa.String(length=1000), nullable=False),
        sa.Column("video_path", sa.String(length=2000), nullable=False),
        sa.Column("video_key", sa.String(length=2000), nullable=True),
        sa.Column("video_results_path", sa.String(length=2000), nullable=False),
        sa.Column("video_status", sa.String(length=64), nullable=False),
        sa.Column("video_progress_percentage", sa.Double(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("frame_count", sa.BigInteger(), nullable=True),
        sa.Column("fps", sa.Double(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("duration_s", sa.Double(), nullable=True),
        sa.Column("missing", Json(), nullable=False),
        sa.Column("warnings", Json(), nullable=False),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("error_message", sa.String(length=1000), nullable=True),
        sa.Column("error_retryable", sa.Boolean(), nullable=False),
        sa.Column("project_id", BigId, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["job.id"], name=op.f("fk_video_job_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_video_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_video")),
        sa.UniqueConstraint("job_id", "ordinal", name=op.f("uq_video_job_id_ordinal")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_video_job_id"), "video", ["job_id"], unique=False)
    op.create_index(op.f("ix_video_project_id"), "video", ["project_id"], unique=False)

    op.create_table(
        "webhook_delivery",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("webhook_id", BigId, nullable=False),
        sa.Column("event_id", BigId, nullable=True),
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("body", Json(), nullable=False),
        sa.Column("delivery_status", sa.String(length=64), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", Moment(), nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.String(length=1000), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("delivered_at", Moment(), nullable=True),
        sa.Column("project_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"],
            ["job_event.id"],
            name=op.f("fk_webhook_delivery_event_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_webhook_delivery_project_id")
        ),
        sa.ForeignKeyConstraint(
            ["webhook_id"],
            ["webhook.id"],
            name=op.f("fk_webhook_delivery_webhook_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_webhook_delivery_delivery_status_next_attempt_at"),
        "webhook_delivery",
        ["delivery_status", "next_attempt_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_webhook_delivery_event_id"), "webhook_delivery", ["event_id"], unique=False
    )
    op.create_index(
        op.f("ix_webhook_delivery_project_id"), "webhook_delivery", ["project_id"], unique=False
    )
    op.create_index(
        op.f("ix_webhook_delivery_webhook_id"), "webhook_delivery", ["webhook_id"], unique=False
    )


def downgrade() -> None:
    """Go back to the previous revision."""
    op.drop_table("webhook_delivery")
    op.drop_table("video")
    op.drop_table("job_event")
    op.drop_table("upload")
    op.drop_table("job")
    op.drop_table("api_key")
    op.drop_table("user")
    op.drop_table("user_group")
    op.drop_table("pipeline_parameters")
    op.drop_table("webhook")
    op.drop_table("pipeline_parameter_set")
    op.drop_table("pipeline")
    op.drop_table("idempotency_key")
    op.drop_table("frame_batch")
    op.drop_table("athlete")
    op.drop_table("project")
