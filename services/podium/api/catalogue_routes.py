"""List, create, get, update, delete: the five operations of every kind of object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel

from podium.api.answers import IfMatch, Paging, answer, created, version_of
from podium.api.caller import Admin, Caller, Reader, Writer
from podium.api.pipeline_options import check_options
from podium.jobs.sql import catalogue
from podium.jobs.sql.catalogue import Kind
from podium.schemas import objects as schemas
from podium.schemas.base import Closed, Id, Page


@dataclass(frozen=True)
class Resource:
    """A kind of object with its documents.

    Args:
        kind: Its table and schema.
        create: Document that creates one.
        update: Document that changes one.
        changed_by: Dependency that checks who may create, change and delete one.
    """

    kind: Kind[Any]
    create: type[Closed]
    update: type[Closed]
    changed_by: Any

    @property
    def name(self) -> str:
        """Name of one object, such as ``project``."""
        return self.kind.name

    @property
    def plural(self) -> str:
        """Name of several objects, such as ``projects``."""
        return self.name if self.name.endswith("s") else f"{self.name}s"


RESOURCES = (
    Resource(catalogue.USER, schemas.UserCreate, schemas.UserUpdate, Admin),
    Resource(catalogue.USER_GROUP, schemas.UserGroupCreate, schemas.UserGroupUpdate, Admin),
    Resource(catalogue.PROJECT, schemas.ProjectCreate, schemas.ProjectUpdate, Admin),
    Resource(catalogue.PIPELINE, schemas.PipelineCreate, schemas.PipelineUpdate, Writer),
    Resource(
        catalogue.PIPELINE_PARAMETER_SET,
        schemas.PipelineParameterSetCreate,
        schemas.PipelineParameterSetUpdate,
        Writer,
    ),
    Resource(
        catalogue.PIPELINE_PARAMETERS,
        schemas.PipelineParametersCreate,
        schemas.PipelineParametersUpdate,
        Writer,
    ),
    Resource(catalogue.ATHLETE, schemas.AthleteCreate, schemas.AthleteUpdate, Writer),
)


def catalogue_router(resource: Resource) -> APIRouter:
    """The routes of one kind."""
    kind, name, many = resource.kind, resource.name, resource.plural
    words = name.replace("_", " ")
    path = f"/v1/{many}"
    router = APIRouter(prefix=path, tags=[many])

    def list_objects(caller: Reader, paging: Annotated[Paging, Query()]) -> Response:
        page = partial(catalogue.list_page, kind=kind, limit=paging.limit, cursor=paging.cursor)
        return answer(caller.read(page))

    def create_object(caller: Caller, body: BaseModel) -> Response:
        assert isinstance(body, Closed)  # noqa: S101 - the schemas above are
        check_options(body)
        now = caller.env.now()
        return created(
            caller.write(partial(catalogue.create, kind=kind, wanted=body, now=now)), path
        )

    def get_object(caller: Reader, object_id: Id) -> Response:
        return answer(caller.read(partial(catalogue.get, kind=kind, object_id=object_id)))

    def update_object(
        caller: Caller, object_id: Id, body: BaseModel, if_match: IfMatch = None
    ) -> Response:
        assert isinstance(body, Closed)  # noqa: S101 - the schemas above are
        check_options(body)
        change = partial(
            catalogue.update,
            kind=kind,
            object_id=object_id,
            wanted=body,
            version=version_of(if_match),
            now=caller.env.now(),
        )
        return answer(caller.write(change))

    def delete_object(caller: Caller, object_id: Id, if_match: IfMatch = None) -> Response:
        version = version_of(if_match)
        caller.write(partial(catalogue.delete, kind=kind, object_id=object_id, version=version))
        return Response(status_code=204)

    def add(endpoint: Callable[..., Any], method: str, verb: str, below: str, **more: Any) -> None:
        router.add_api_route(
            below,
            endpoint,
            methods=[method],
            operation_id=f"{verb}_{many if verb == 'list' else name}",
            summary=f"{verb.capitalize()} {many.replace('_', ' ') if verb == 'list' else words}",
            **more,
        )

    one = f"/{{{name}_id}}"
    in_path = {"object_id": Annotated[Id, Path(alias=f"{name}_id")]}
    changed_by = {"caller": resource.changed_by}
    _annotate(create_object, body=resource.create, **changed_by)
    _annotate(get_object, **in_path)
    _annotate(update_object, body=resource.update, **changed_by, **in_path)
    _annotate(delete_object, **changed_by, **in_path)
    add(list_objects, "GET", "list", "", response_model=Page[kind.shown])  # type: ignore[name-defined]
    add(create_object, "POST", "create", "", response_model=kind.shown, status_code=201)
    add(get_object, "GET", "get", one, response_model=kind.shown)
    add(update_object, "PUT", "update", one, response_model=kind.shown)
    add(delete_object, "DELETE", "delete", one, status_code=204)
    return router


def _annotate(endpoint: Callable[..., Any], **kinds: Any) -> None:
    """Say what a function takes that is made for one kind of objects."""
    endpoint.__annotations__ |= kinds
