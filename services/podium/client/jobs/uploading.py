"""Uploads a local file: as one form, or in parts, of which only the missing ones are sent."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp

from podium.client.jobs.core import call
from podium.client.jobs.failures import ApiError, failure
from podium.client.jobs.ledger import Begun, begun, fingerprint
from podium.client.jobs.transport import Transport, patiently
from podium.errors import Forbidden, InvalidInput, NotFound, StageFailed, Unavailable, Unprocessable
from podium.schemas.objects import Upload, UploadPart

SentBytes = Callable[[int, int], None]
"""Called with the number of bytes sent and their total."""

PARTS_FROM_BYTES = 16 << 20
"""Smaller files are sent as one form, which starts again after a lost connection."""
AT_ONCE = 4
_CHUNK_BYTES = 256 << 10


async def upload(
    transport: Transport, path: Path, what: dict[str, Any], told: SentBytes
) -> tuple[Upload, Begun]:
    """Upload a file; continues an interrupted upload.

    Args:
        transport: Sends the requests.
        path: Path of the file.
        what: Its ``fingerprint``.
        told: Called with the number of bytes sent and their total.

    Returns:
        The completed upload and its record, which the caller deletes once a job uses the upload.

    Raises:
        OSError: the file cannot be read.
        InvalidInput: the file changed during the upload.
        ApiError, Unavailable: from the api.
    """
    mark = begun("uploads", transport.connection, what)
    there = await _known(transport, mark)
    if there is None:
        mark, there = await _begin(transport, what, mark)
    if there.upload_status != "complete":
        sender = _Sender(transport, path, there, told)
        await (sender.form() if there.part_size is None else sender.parts())
        if await asyncio.to_thread(fingerprint, path) != what:
            mark.forget()
            raise InvalidInput(f"{path} has changed while it was sent", field="source")
        there = await _complete(transport, mark, there)
    told(what["size_bytes"], what["size_bytes"])
    return there, mark


async def _known(transport: Transport, mark: Begun) -> Upload | None:
    """The upload that was begun before, where it can go on."""
    if mark.object_id is None:
        return None
    try:
        there: Upload = await call(transport, "get_upload", mark.object_id)
    except NotFound:
        return None
    return None if there.upload_status == "aborted" else there


async def _begin(transport: Transport, what: dict[str, Any], mark: Begun) -> tuple[Begun, Upload]:
    if mark.object_id is not None:  # that one is gone
        mark = mark.anew()
    size = what["size_bytes"]
    name = what["name"][-200:]
    wanted = {"upload_name": name, "size_bytes": size, "parts": size >= PARTS_FROM_BYTES}
    there: Upload = await call(transport, "create_upload", wanted, idempotency_key=mark.key)
    return mark.made(there.id), there


async def _complete(transport: Transport, mark: Begun, there: Upload) -> Upload:
    try:
        done: Upload = await call(transport, "complete_upload", there.id)
    except Unprocessable:  # other bytes have arrived than were announced
        mark.forget()
        raise
    return done


class _Sender:
    """Sends what has not arrived."""

    def __init__(self, transport: Transport, path: Path, there: Upload, told: SentBytes) -> None:
        self._transport = transport
        self._path = path
        self._upload = there
        self._told = told
        self._sent = 0

    async def form(self) -> None:
        """The whole file as the field ``file`` of a form."""
        url = _address(self._upload.url)
        loop = asyncio.get_running_loop()

        def counted(count: int) -> None:
            loop.call_soon_threadsafe(self._count, count)

        async def post() -> None:
            self._sent = 0
            form = aiohttp.FormData()
            for name, value in self._upload.fields.items():
                form.add_field(name, value)
            with _CountedFile(self._path, counted) as file:
                form.add_field("file", file, filename=self._path.name)
                async with self._transport.session.post(
                    url, data=form, allow_redirects=False
                ) as response:
                    await _check(response)

        await patiently(post, self._path.name)

    async def parts(self) -> None:
        """The parts that are not there, some at the same time."""
        size = self._upload.part_size or self._upload.size_bytes
        lacking = [part for part in self._upload.parts if part.etag is None]
        self._sent = self._upload.size_bytes - sum(part.size_bytes for part in lacking)
        todo = iter(lacking)

        async def work() -> None:
            for part in todo:
                await self._part(part, (part.number - 1) * size)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(work())
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _part(self, part: UploadPart, start: int) -> None:
        url = _address(part.url)
        before = 0

        async def put() -> None:
            nonlocal before, url
            self._sent -= before
            before = 0

            async def counted() -> AsyncIterator[bytes]:
                nonlocal before
                async for piece in self._bytes(start, part.size_bytes):
                    before += len(piece)
                    yield piece

            headers = {"content-length": str(part.size_bytes)}
            async with self._transport.session.put(
                url, data=counted(), headers=headers, allow_redirects=False
            ) as response:
                try:
                    await _check(response)
                except Forbidden:  # an hour has passed
                    url = await self._new_address(part.number, url)
                    raise Unavailable(f"part {part.number}: its address has expired") from None

        await patiently(put, f"part {part.number} of {self._path.name}")

    async def _new_address(self, number: int, old: str) -> str:
        there: Upload = await call(self._transport, "get_upload", self._upload.id)
        known = {part.number: part.url for part in there.parts}
        return known.get(number) or old

    async def _bytes(self, start: int, count: int) -> AsyncIterator[bytes]:
        with self._path.open("rb") as file:  # local, in small pieces
            file.seek(start)
            while count:
                piece = file.read(min(_CHUNK_BYTES, count))
                if not piece:
                    raise InvalidInput(f"{self._path} has become shorter", field="source")
                count -= len(piece)
                yield piece
                self._count(len(piece))

    def _count(self, count: int) -> None:
        self._sent += count
        self._told(min(self._sent, self._upload.size_bytes), self._upload.size_bytes)


class _CountedFile(io.BufferedReader):
    """A file that tells how much of it is read, from whichever thread reads it."""

    def __init__(self, path: Path, counted: Callable[[int], object]) -> None:
        super().__init__(io.FileIO(path))
        self._counted = counted

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        self._counted(len(piece))
        return piece


def _address(url: str | None) -> str:
    if url is None or not url.startswith(("http://", "https://")):
        raise StageFailed("the api gives no address to send the file to")
    return url


async def _check(response: aiohttp.ClientResponse) -> None:
    """Raise for an answer that says that the bytes were not taken."""
    if response.status < 300:
        return
    body = await response.read()
    where = f"{response.url.scheme}://{response.url.host}"
    error = failure(response.status, body, 0.0, where)
    if response.status == 403:
        raise error if isinstance(error, ApiError) else Forbidden(error.message)
    if response.status in (408, 429, 500, 502, 503, 504):
        raise Unavailable(error.message)
    raise error
