"""The first rows of a new installation, without which nobody could use it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from podium.jobs.sql import catalogue, keys
from podium.jobs.sql.schema.tables import Pipeline, Project
from podium.schemas.objects import ApiKeyCreate, NewApiKey, PipelineCreate, ProjectCreate

PROJECT_NAME = "default"


def prepare(
    session: Session, pipelines: Mapping[str, str], now: datetime, *, new_admin_key: bool = False
) -> NewApiKey | None:
    """Create a project, the shared pipelines, and an admin key, if they are missing.

    Args:
        session: Session of the system.
        pipelines: Name at the gateway -> description.
        now: The current time.
        new_admin_key: Create another key in any case, for users who have lost theirs.

    Returns:
        The new key, whose secret is shown only once; None: no key was created.
    """
    project = session.scalars(select(Project).order_by(Project.id).limit(1)).one_or_none()
    if project is None:
        wanted = ProjectCreate(project_name=PROJECT_NAME)
        project_id = catalogue.create(session, catalogue.PROJECT, wanted, now).id
    else:
        project_id = project.id
    known = set(session.scalars(select(Pipeline.pipeline_endpoint)))
    for name, description in pipelines.items():
        endpoint = f"/v1/pipelines/{name}"
        if endpoint not in known:
            made = PipelineCreate(
                pipeline_name=name, pipeline_description=description, pipeline_endpoint=endpoint
            )
            catalogue.create(session, catalogue.PIPELINE, made, now)
    if keys.has_admin(session, now) and not new_admin_key:
        return None
    admin = ApiKeyCreate(api_key_name="admin", scopes=["admin"], project_id=project_id)
    return keys.create(session, admin, now)
