"""Webhooks and their deliveries."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response

from podium.api.answers import IfMatch, Paging, answer, created, version_of
from podium.api.caller import Caller, Reader, Writer
from podium.api.operation import operation
from podium.errors import Forbidden, InvalidInput, Unprocessable
from podium.jobs.observing.oplog import action
from podium.jobs.sql import deliveries, hooks
from podium.jobs.webhooks import resolve
from podium.schemas.base import Id, Page
from podium.schemas.objects import (
    NewWebhook,
    Webhook,
    WebhookCreate,
    WebhookDelivery,
    WebhookUpdate,
)

PATH = "/v1/webhooks"
router = APIRouter(prefix=PATH, tags=["webhooks"])


@operation(router, "GET", "", response_model=Page[Webhook])
def list_webhooks(caller: Reader, paging: Annotated[Paging, Query()]) -> Response:
    """List webhooks."""
    page = partial(hooks.list_page, limit=paging.limit, cursor=paging.cursor)
    return answer(caller.read(page))


@operation(router, "POST", "", status_code=201, response_model=NewWebhook)
def create_webhook(caller: Writer, body: WebhookCreate) -> Response:
    """Make a webhook; its secret is shown this once."""
    _check_address(caller, body.webhook_url)
    with action(caller.env.log, "create_webhook") as outcome:
        made = caller.write(partial(hooks.create, wanted=body, now=caller.env.now()))
        outcome["webhook_id"] = made.id
    return created(made, PATH)


@operation(router, "GET", "/{webhook_id}", response_model=Webhook)
def get_webhook(caller: Reader, webhook_id: Id) -> Response:
    """Get a webhook."""
    return answer(caller.read(partial(hooks.get, webhook_id=webhook_id)))


@operation(router, "PUT", "/{webhook_id}", response_model=NewWebhook)
def update_webhook(
    caller: Writer, webhook_id: Id, body: WebhookUpdate, if_match: IfMatch = None
) -> Response:
    """Change a webhook, or give it a new secret."""
    if body.webhook_url is not None:
        _check_address(caller, body.webhook_url)
    env = caller.env
    with action(env.log, "update_webhook", webhook_id=webhook_id):
        changed = caller.write(
            partial(
                hooks.update,
                webhook_id=webhook_id,
                wanted=body,
                overlap_s=env.timing.webhook_secret_overlap_s,
                version=version_of(if_match),
                now=env.now(),
            )
        )
    return answer(changed)


@operation(router, "DELETE", "/{webhook_id}", status_code=204)
def delete_webhook(caller: Writer, webhook_id: Id) -> Response:
    """Delete a webhook and its deliveries."""
    with action(caller.env.log, "delete_webhook", webhook_id=webhook_id):
        caller.write(partial(hooks.delete, webhook_id=webhook_id))
    return Response(status_code=204)


@operation(router, "GET", "/{webhook_id}/deliveries", response_model=Page[WebhookDelivery])
def list_webhook_deliveries(
    caller: Reader, webhook_id: Id, paging: Annotated[Paging, Query()]
) -> Response:
    """List the deliveries of a webhook."""
    page = partial(
        hooks.list_deliveries, webhook_id=webhook_id, limit=paging.limit, cursor=paging.cursor
    )
    return answer(caller.read(page))


@operation(
    router,
    "POST",
    "/{webhook_id}/deliveries/{delivery_id}/resend",
    status_code=202,
    response_model=WebhookDelivery,
)
def resend_webhook_delivery(caller: Writer, webhook_id: Id, delivery_id: Id) -> Response:
    """Send a delivery again."""
    again = partial(
        deliveries.resend, webhook_id=webhook_id, delivery_id=delivery_id, now=caller.env.now()
    )
    return answer(caller.write(again), 202)


def _check_address(caller: Caller, url: str) -> None:
    """Refuse now what would never be delivered."""
    try:
        resolve(url, allow_private=caller.env.private_webhooks)
    except (Forbidden, InvalidInput) as error:
        said = error.message.removeprefix("webhook_url: ")
        raise Unprocessable(said, field="webhook_url") from None
