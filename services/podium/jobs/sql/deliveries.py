"""Deliveries of events to webhooks: a queue of rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.orm import Session

from podium.errors import NotFound
from podium.jobs.sql.schema.tables import Webhook
from podium.jobs.sql.schema.work_tables import WebhookDelivery
from podium.jobs.sql.statements import changed
from podium.jobs.sql.tenancy import OwnedRows, Reads
from podium.jobs.timing import WEBHOOK_PAUSES_S
from podium.schemas import objects as schemas


@dataclass(frozen=True, slots=True)
class Message:
    """One event for one webhook."""

    delivery_id: int
    webhook_id: int
    message_id: str
    url: str
    secrets: tuple[str, ...]
    body: dict[str, Any]
    attempts: int
    sent_at: datetime


_deliveries = cast(Table, WebhookDelivery.__table__)
_DUE = OwnedRows(
    select(_deliveries.c.id)
    .where(
        _deliveries.c.delivery_status == "pending",
        _deliveries.c.next_attempt_at <= bindparam("now"),
    )
    .order_by(_deliveries.c.next_attempt_at)
    .limit(bindparam("size"))
)


def due(by: Reads, now: datetime, limit: int = 20) -> list[int]:
    """Ids of the deliveries to try now."""
    return list(_DUE(by, now=now, size=limit).scalars())


def take(session: Session, delivery_id: int, now: datetime, patience_s: float) -> Message | None:
    """Claim a delivery for one attempt; None if another process has it or its webhook is off."""
    taken = changed(
        session,
        update(WebhookDelivery)
        .where(
            WebhookDelivery.id == delivery_id,
            WebhookDelivery.delivery_status == "pending",
            WebhookDelivery.next_attempt_at <= now,
        )
        .values(
            attempts=WebhookDelivery.attempts + 1,
            next_attempt_at=now + timedelta(seconds=patience_s),
        ),
    )
    if not taken:
        return None
    row = session.scalars(select(WebhookDelivery).where(WebhookDelivery.id == delivery_id)).one()
    hook = session.scalars(select(Webhook).where(Webhook.id == row.webhook_id)).one()
    if not hook.enabled:
        row.delivery_status, row.last_error = "failed", "the webhook is disabled"
        return None
    secrets = [hook.secret]
    overlaps = hook.earlier_secret_until is not None and hook.earlier_secret_until > now
    if hook.earlier_secret is not None and overlaps:
        secrets.append(hook.earlier_secret)
    return Message(
        delivery_id=row.id,
        webhook_id=hook.id,
        message_id=row.message_id,
        url=hook.webhook_url,
        secrets=tuple(secrets),
        body=row.body,
        attempts=row.attempts,
        sent_at=now,
    )


def record(
    session: Session,
    message: Message,
    *,
    status: int | None,
    error: str | None,
    is_delivered: bool,
    is_gone: bool,
    now: datetime,
) -> None:
    """Write the outcome of an attempt; a webhook that is gone is disabled."""
    row = session.scalars(
        select(WebhookDelivery).where(WebhookDelivery.id == message.delivery_id)
    ).one()
    row.last_status, row.last_error = status, error
    if is_delivered:
        row.delivery_status, row.delivered_at, row.next_attempt_at = "delivered", now, None
        return
    if is_gone or message.attempts > len(WEBHOOK_PAUSES_S):
        row.delivery_status, row.next_attempt_at = "failed", None
    else:
        row.next_attempt_at = now + timedelta(seconds=WEBHOOK_PAUSES_S[message.attempts - 1])
    if is_gone:
        hook = session.scalars(select(Webhook).where(Webhook.id == message.webhook_id)).one()
        hook.enabled, hook.disabled_reason = False, "it answered 410 Gone"


def resend(
    session: Session, webhook_id: int, delivery_id: int, now: datetime
) -> schemas.WebhookDelivery:
    """Restart a delivery. Raises NotFound."""
    row = session.scalars(
        select(WebhookDelivery).where(
            WebhookDelivery.id == delivery_id, WebhookDelivery.webhook_id == webhook_id
        )
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no delivery {delivery_id} of webhook {webhook_id}")
    row.delivery_status, row.attempts, row.next_attempt_at = "pending", 0, now
    session.flush()
    return schemas.WebhookDelivery.model_validate(row)
