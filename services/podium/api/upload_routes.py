"""Routes of uploads: begin, show, complete, abort."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from podium.api.answers import Paging, answer
from podium.api.caller import Caller, Reader, Writer
from podium.api.once import Once, Repeatable, replay_headers
from podium.api.operation import operation
from podium.jobs import uploads
from podium.jobs.sql import catalogue
from podium.jobs.sql.idempotency import Answer
from podium.jobs.sql.uploads import UPLOAD
from podium.schemas.base import Closed, Id, Name, Page
from podium.schemas.objects import Upload, UploadCreate

PATH = "/v1/uploads"
router = APIRouter(tags=["uploads"])


class FormWanted(Closed):
    """Query parameters of a form for one file."""

    upload_name: Name = "upload.zip"
    """As the file is called; text, never a path."""

    size_bytes: int = Field(ge=1, le=1 << 50)


@operation(router, "GET", "/v1/jobs/upload", status_code=201, response_model=Upload)
def upload_handler(
    caller: Writer, once: Repeatable, wanted: Annotated[FormWanted, Query()]
) -> Response:
    """A signed form for one file; as create_upload without parts."""
    return _begin(
        caller, once, UploadCreate(upload_name=wanted.upload_name, size_bytes=wanted.size_bytes)
    )


@operation(router, "GET", PATH, response_model=Page[Upload])
def list_uploads(caller: Reader, paging: Annotated[Paging, Query()]) -> Response:
    """List uploads.

    Without the addresses; ``get_upload`` gives those.
    """
    page = partial(catalogue.list_page, kind=UPLOAD, limit=paging.limit, cursor=paging.cursor)
    return answer(caller.read(page))


@operation(router, "POST", PATH, status_code=201, response_model=Upload)
def create_upload(caller: Writer, body: UploadCreate, once: Repeatable) -> Response:
    """Begin an upload: a signed form, or addresses of parts."""
    return _begin(caller, once, body)


@operation(router, "GET", PATH + "/{upload_id}", response_model=Upload)
def get_upload(caller: Writer, upload_id: Id) -> Response:
    """What has arrived, and new addresses for what has not."""
    return answer(uploads.show(caller.env, caller.principal, upload_id))


@operation(router, "POST", PATH + "/{upload_id}/complete", response_model=Upload)
def complete_upload(caller: Writer, upload_id: Id) -> Response:
    """Say that all has been sent; a second time changes nothing."""
    return answer(uploads.complete(caller.env, caller.principal, upload_id))


@operation(router, "POST", PATH + "/{upload_id}/abort", response_model=Upload)
def abort_upload(caller: Writer, upload_id: Id) -> Response:
    """Drop an upload that is not complete."""
    return answer(uploads.abort(caller.env, caller.principal, upload_id))


def _begin(caller: Caller, once: Once, wanted: UploadCreate) -> Response:
    """Begin, or find what was begun; the addresses are made anew and never kept."""

    def make() -> Answer:
        return Answer(201, {"id": uploads.begin(caller.env, caller.principal, wanted).id})

    made, replayed = once.call(caller, make)
    shown = uploads.show(caller.env, caller.principal, made.body["id"])
    headers = {"location": f"{PATH}/{shown.id}", **replay_headers(replayed)}
    return answer(shown, made.status, headers)
