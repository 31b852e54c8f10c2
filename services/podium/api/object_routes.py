"""Routes of signed addresses for objects in a folder: form, part, download.

The signature is the permission, so no key is needed. With S3 the store serves such addresses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import anyio
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.responses import FileResponse

from podium.api.streaming.body import heard, in_thread
from podium.api.streaming.form import MAX_FIELDS_BYTES, StreamedForm
from podium.jobs.folder_objects import FolderObjects
from podium.jobs.uploads import MAX_FORM_BYTES

PREFIX = "/v1/objects/"
STREAMED: Mapping[str, int] = {PREFIX: MAX_FORM_BYTES + 2 * MAX_FIELDS_BYTES}
"""The largest bodies; each address allows less."""
MOST_BODIES = 64
"""Bodies that are written at the same time, in threads of their own; others wait."""

_AS_A_FILE = {
    "cache-control": "private, no-store",
    # What people upload is shown as nothing of ours, whatever is in it.
    "content-security-policy": "sandbox; default-src 'none'",
    "x-content-type-options": "nosniff",
}


def object_router(objects: FolderObjects) -> APIRouter:
    """The routes for a folder; they are not on the OpenAPI page."""
    router = APIRouter(prefix=PREFIX.rstrip("/"), include_in_schema=False)

    threads = anyio.CapacityLimiter(MOST_BODIES)

    @router.post("/{key:path}")
    async def receive(request: Request, key: str) -> Response:
        form = StreamedForm(request.headers.get("content-type", ""))
        stream = request.stream()
        async with heard(stream):
            await form.read_fields(stream)
            objects.check_form(key, form.fields)

        def keep(pieces: Iterator[bytes]) -> None:
            objects.receive(key, form.fields, form.content(pieces))

        await in_thread(stream, keep, threads)
        return Response(status_code=204)

    @router.put("/{key:path}")
    async def receive_part(request: Request, key: str) -> Response:
        query = dict(request.query_params)
        stream = request.stream()
        async with heard(stream):
            objects.check_part(key, query)

        def keep(pieces: Iterator[bytes]) -> str:
            return objects.receive_part(key, query, pieces)

        digest = await in_thread(stream, keep, threads)
        return Response(headers={"etag": f'"{digest}"'})

    @router.get("/{key:path}")
    async def send(request: Request, key: str) -> Response:
        name, path = await run_in_threadpool(objects.send, key, dict(request.query_params))
        return FileResponse(path, filename=name, headers=_AS_A_FILE)

    return router
