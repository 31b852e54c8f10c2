"""Routes of API keys and of the caller's identity."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response

from podium.api.answers import Paging, answer, created
from podium.api.caller import Reader, Writer
from podium.api.operation import operation
from podium.jobs.observing.oplog import action
from podium.jobs.sql import catalogue, keys
from podium.schemas.base import Id, Page
from podium.schemas.objects import ApiKey, ApiKeyCreate, NewApiKey, WhoAmI

PATH = "/v1/api_keys"
router = APIRouter(tags=["api_keys"])


@operation(router, "GET", "/v1/me", response_model=WhoAmI)
def get_me(caller: Reader) -> Response:
    """Whose key this is, and what it may do."""
    principal = caller.principal
    return answer(
        WhoAmI(
            project_id=principal.project_id,
            user_id=principal.user_id,
            scopes=sorted(principal.scopes),
        )
    )


@operation(router, "GET", PATH, response_model=Page[ApiKey])
def list_api_keys(caller: Reader, paging: Annotated[Paging, Query()]) -> Response:
    """List API keys."""
    page = partial(keys.list_page, limit=paging.limit, cursor=paging.cursor)
    return answer(caller.read(page))


@operation(router, "POST", PATH, status_code=201, response_model=NewApiKey)
def create_api_key(caller: Writer, body: ApiKeyCreate) -> Response:
    """Make an API key; its secret is shown this once."""
    with action(caller.env.log, "create_api_key") as outcome:
        made = caller.write(partial(keys.create, wanted=body, now=caller.env.now()))
        outcome["api_key_id"] = made.id
    return created(made, PATH)


@operation(router, "GET", PATH + "/{api_key_id}", response_model=ApiKey)
def get_api_key(caller: Reader, api_key_id: Id) -> Response:
    """Get an API key, without its secret."""
    return answer(caller.read(partial(catalogue.get, kind=keys.API_KEY, object_id=api_key_id)))


@operation(router, "DELETE", PATH + "/{api_key_id}", response_model=ApiKey)
def delete_api_key(caller: Writer, api_key_id: Id) -> Response:
    """Revoke an API key; a second time changes nothing."""
    with action(caller.env.log, "delete_api_key", api_key_id=api_key_id):
        revoked = caller.write(partial(keys.revoke, key_id=api_key_id, now=caller.env.now()))
    caller.access.forget()
    return answer(revoked)
