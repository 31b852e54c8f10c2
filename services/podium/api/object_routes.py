"""Routes of signed addresses for objects in a folder: form, part, download.

The signature is the permission, so no key is needed. With S3 the store serves such addresses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.responses import FileResponse

from podium.api.streaming.body import in_thread
from podium.api.streaming.form import MAX_FIELDS_BYTES, StreamedForm
from podium.jobs.folder_objects import FolderObjects
from podium.jobs.uploads import MAX_FORM_BYTES

PREFIX = "/v1/objects/"
STREAMED: Mapping[str, int] = {PREFIX: MAX_FORM_BYTES + 2 * MAX_FIELDS_BYTES}
"""The largest bodies; each address allows less."""

_AS_A_FILE = {
    "cache-control": "private, no-store",
    # What people upload is shown as nothing of ours, whatever is in it.
    "content-security-policy": "sandbox; default-src 'none'",
    "x-content-type-options": "nosniff",
}


def object_router(objects: FolderObjects) -> APIRouter:
    """The routes for a folder; they are not on the OpenAPI page."""
    router = APIRouter(prefix=PREFIX.rstrip("/"), include_in_schema=False)

    @router.post("/{key:path}")
    async def receive(request: Request, key: str) -> Response:
        content_type = request.headers.get("content-type", "")

        def keep(pieces: Iterator[bytes]) -> None:
            form = StreamedForm(pieces, content_type)
            objects.receive(key, form.fields, form.content())

        await in_thread(request.stream(), keep)
        return Response(status_code=204)

    @router.put("/{key:path}")
    async def receive_part(request: Request, key: str) -> Response:
        query = dict(request.query_params)

        def keep(pieces: Iterator[bytes]) -> str:
            return objects.receive_part(key, query, pieces)

        digest = await in_thread(request.stream(), keep)
        return Response(headers={"etag": f'"{digest}"'})

    @router.get("/{key:path}")
    async def send(request: Request, key: str) -> Response:
        name, path = await run_in_threadpool(objects.send, key, dict(request.query_params))
        return FileResponse(path, filename=name, headers=_AS_A_FILE)

    return router
