"""Rows of webhooks: created with a secret, and shown without it."""

from __future__ import annotations

import base64
import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete as delete_rows
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from podium.errors import Forbidden, NotFound, Outdated, Unprocessable
from podium.jobs.sql import catalogue
from podium.jobs.sql.catalogue import Kind, page_of, read_cursor
from podium.jobs.sql.schema.tables import Webhook
from podium.jobs.sql.schema.work_tables import WebhookDelivery
from podium.jobs.sql.statements import changed
from podium.jobs.sql.tenancy import principal_of
from podium.schemas import objects as schemas
from podium.schemas.base import Page
from podium.schemas.objects import NewWebhook, WebhookCreate, WebhookUpdate

_SECRET_BYTES = 24

MAX_WEBHOOKS = 50
"""Of a project: each event makes a message for every one."""

WEBHOOK = Kind("webhook", Webhook, schemas.Webhook, {})


def create(session: Session, wanted: WebhookCreate, now: datetime) -> NewWebhook:
    """Create a webhook; its secret is only in this answer. Raises Forbidden or Unprocessable."""
    principal = principal_of(session)
    if principal.project_id is None:
        raise Forbidden("webhooks belong to a project, and this key has none")
    own = select(func.count(Webhook.id)).where(Webhook.project_id == principal.project_id)
    if (session.scalar(own) or 0) >= MAX_WEBHOOKS:
        raise Unprocessable(f"a project has at most {MAX_WEBHOOKS} webhooks; delete one of them")
    row = Webhook(
        project_id=principal.project_id,
        webhook_url=wanted.webhook_url,
        events=list(wanted.events),
        enabled=True,
        secret=_new_secret(),
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    session.flush()
    return _with_secret(row, row.secret)


def get(session: Session, webhook_id: int) -> schemas.Webhook:
    """A webhook, without its secret. Raises NotFound."""
    return catalogue.get(session, WEBHOOK, webhook_id)


def list_page(session: Session, *, limit: int, cursor: str | None) -> Page[schemas.Webhook]:
    """Webhooks in the order of their ids. Raises InvalidInput."""
    return catalogue.list_page(session, WEBHOOK, limit=limit, cursor=cursor)


def update(
    session: Session,
    webhook_id: int,
    wanted: WebhookUpdate,
    *,
    overlap_s: float,
    version: int | None = None,
    now: datetime,
) -> NewWebhook:
    """Change a webhook; the answer has the new secret, if one was requested.

    Args:
        session: Session of the principal.
        webhook_id: Id of the webhook.
        wanted: The changes.
        overlap_s: How long messages are also signed with the earlier secret.
        version: The version that the caller knows; None: any.
        now: The current time.

    Raises:
        NotFound: there is no such webhook.
        Outdated: the webhook has another version now.
    """
    row = _row(session, webhook_id)
    if version is not None and row.version != version:
        raise Outdated(f"webhook {webhook_id} is at version {row.version}; read it again")
    if wanted.webhook_url is not None:
        row.webhook_url = wanted.webhook_url
    if wanted.events is not None:
        row.events = list(wanted.events)
    if wanted.enabled is not None:
        row.enabled, row.disabled_reason = wanted.enabled, None
    if wanted.rotate_secret:
        row.earlier_secret, row.secret = row.secret, _new_secret()
        row.earlier_secret_until = now + timedelta(seconds=overlap_s)
    row.updated_at = now
    session.flush()
    return _with_secret(row, row.secret if wanted.rotate_secret else None)


def delete(session: Session, webhook_id: int) -> None:
    """Delete a webhook and its deliveries. Raises NotFound."""
    row = _row(session, webhook_id)
    changed(session, delete_rows(WebhookDelivery).where(WebhookDelivery.webhook_id == row.id))
    session.delete(row)
    session.flush()


def list_deliveries(
    session: Session, webhook_id: int, *, limit: int, cursor: str | None
) -> Page[schemas.WebhookDelivery]:
    """The deliveries of a webhook, in the order of their ids. Raises NotFound, InvalidInput."""
    row = _row(session, webhook_id)
    wanted = (
        select(WebhookDelivery)
        .where(WebhookDelivery.webhook_id == row.id, WebhookDelivery.id > read_cursor(cursor))
        .order_by(WebhookDelivery.id)
    )
    size = min(limit, catalogue.LARGEST_LIMIT)
    rows = session.scalars(wanted.limit(size + 1)).all()
    shown = [schemas.WebhookDelivery.model_validate(found) for found in rows[:size]]
    return page_of(shown, len(rows) > size)


def _row(session: Session, webhook_id: int) -> Webhook:
    row = session.scalars(select(Webhook).where(Webhook.id == webhook_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no webhook {webhook_id}")
    return row


def _with_secret(row: Webhook, secret: str | None) -> NewWebhook:
    return NewWebhook(**schemas.Webhook.model_validate(row).model_dump(), secret=secret)


def _new_secret() -> str:
    """A secret in the format of Standard Webhooks."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
