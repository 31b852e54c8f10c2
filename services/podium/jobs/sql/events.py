"""Events of jobs and their deliveries, written in the transaction that causes them."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, select
from sqlalchemy.orm import Session

from podium.jobs.sql.schema.tables import Webhook
from podium.jobs.sql.schema.work_tables import Job, JobEvent, WebhookDelivery
from podium.jobs.sql.tenancy import OwnedRows, Reads
from podium.schemas.jobs import EventType
from podium.schemas.jobs import JobEvent as Event

_events = cast(Table, JobEvent.__table__)
_AFTER = OwnedRows(
    select(_events)
    .where(_events.c.job_id == bindparam("job"), _events.c.id > bindparam("after"))
    .order_by(_events.c.id)
    .limit(bindparam("size"))
)


def add(
    session: Session,
    kind: EventType,
    *,
    project_id: int,
    job_id: int,
    data: dict[str, Any],
    now: datetime,
) -> None:
    """Write an event, and a delivery for each webhook that subscribes to it.

    Until the commit no other transaction can add an event to the job. So ids ascend in the order
    in which events become visible, and who reads on from an id misses none.
    """
    session.scalars(select(Job.id).where(Job.id == job_id).with_for_update()).all()
    event = JobEvent(project_id=project_id, job_id=job_id, type=kind, data=data, created_at=now)
    session.add(event)
    session.flush()
    hooks = session.scalars(
        select(Webhook).where(Webhook.project_id == project_id, Webhook.enabled.is_(True))
    )
    for hook in hooks:
        if not hook.events or kind in hook.events:
            body = {"type": kind, "timestamp": now.isoformat(), "data": {"job_id": job_id, **data}}
            session.add(
                WebhookDelivery(
                    project_id=project_id,
                    webhook_id=hook.id,
                    event_id=event.id,
                    message_id=f"msg_{secrets.token_hex(16)}",
                    type=kind,
                    body=body,
                    delivery_status="pending",
                    attempts=0,
                    next_attempt_at=now,
                    created_at=now,
                )
            )


def after(by: Reads, job_id: int, last_id: int, limit: int = 100) -> list[Event]:
    """The events of a job with ids above ``last_id``, in order."""
    rows = _AFTER(by, job=job_id, after=last_id, size=limit)
    return [Event.model_validate(row) for row in rows]
