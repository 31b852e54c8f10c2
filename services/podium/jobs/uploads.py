"""Uploads: one form for a whole file, or parts that can be repeated one by one."""

from __future__ import annotations

from functools import partial

from podium.errors import Conflict, NotFound, TooLarge, Unprocessable
from podium.jobs.environment import Environment
from podium.jobs.objects import Part
from podium.jobs.observing.oplog import action
from podium.jobs.principal import Principal
from podium.jobs.sql import uploads
from podium.jobs.sql.schema import tables
from podium.schemas.objects import Upload, UploadCreate, UploadPart

MAX_BYTES = 50 << 30
MAX_FORM_BYTES = 5 << 30
"""S3's limit of one request."""

_SMALLEST_PART, _LARGEST_PART = 8 << 20, 64 << 20
_USUAL_PARTS = 100
_OPEN_S = 86_400.0


def begin(env: Environment, principal: Principal, wanted: UploadCreate) -> Upload:
    """Begin an upload; the answer has the addresses to send to.

    Raises:
        TooLarge: it is over the limit.
        Forbidden: the principal has no project.
    """
    most = MAX_BYTES if wanted.parts else MAX_FORM_BYTES
    if wanted.size_bytes > most:
        remedy = "" if wanted.parts else "; send it in parts"
        raise TooLarge(f"is over {most} bytes{remedy}", field="size_bytes")
    size = min(_LARGEST_PART, max(_SMALLEST_PART, -(-wanted.size_bytes // _USUAL_PARTS)))
    part_size = size if wanted.parts else None
    with action(env.log, "begin_upload", project_id=principal.project_id) as outcome:
        row = env.database.write(
            principal,
            partial(
                uploads.insert, wanted=wanted, part_size=part_size, seconds=_OPEN_S, now=env.now()
            ),
        )
        if wanted.parts:
            name = env.objects.begin_parts(row.object_key)
            row = env.database.write(
                principal, partial(uploads.name_in_store, upload_id=row.id, name=name)
            )
        outcome["upload_id"] = row.id
    return _shown(env, row)


def show(env: Environment, principal: Principal, upload_id: int) -> Upload:
    """An upload, with new addresses for the missing parts. Raises NotFound."""
    return _shown(env, env.database.read(principal, partial(uploads.get, upload_id=upload_id)))


def complete(env: Environment, principal: Principal, upload_id: int) -> Upload:
    """Complete an upload; a second call has no effect.

    Raises:
        NotFound: there is no such upload.
        Conflict: parts are missing, or the upload was aborted.
        Unprocessable: the received size is not the announced one.
    """
    row = env.database.read(principal, partial(uploads.get, upload_id=upload_id))
    if row.upload_status == "pending":
        if row.store_upload_id is not None:
            _join(env, row)
        _check_size(env, row)
    ended = partial(uploads.end, upload_id=upload_id, state="complete", now=env.now())
    return _shown(env, env.database.write(principal, ended))


def abort(env: Environment, principal: Principal, upload_id: int) -> Upload:
    """Abort an upload that is not complete. Raises NotFound or Conflict."""
    ended = partial(uploads.end, upload_id=upload_id, state="aborted", now=env.now())
    row = env.database.write(principal, ended)
    if row.store_upload_id is not None:
        env.objects.abort_parts(row.object_key, row.store_upload_id)
    env.objects.delete_all(row.object_key)
    return _shown(env, row)


def _join(env: Environment, row: tables.Upload) -> None:
    try:
        there = {part.number: part for part in _arrived(env, row)}
    except NotFound:
        return  # joined by a call that died before it wrote the row; the size is checked later
    sizes = _part_sizes(row)
    lacking = [n for n, size in sizes.items() if n not in there or there[n].size_bytes != size]
    if lacking:
        raise Conflict(
            f"{len(lacking)} of {len(sizes)} parts have not arrived, the first is {lacking[0]}"
        )
    env.objects.join_parts(row.object_key, row.store_upload_id or "", [there[n] for n in sizes])


def _check_size(env: Environment, row: tables.Upload) -> None:
    try:
        size = env.objects.size_bytes(row.object_key)
    except NotFound:
        raise Conflict(f"the file of upload {row.id} has not arrived") from None
    if size != row.size_bytes:
        raise Unprocessable(
            f"is {row.size_bytes} as announced, but {size} bytes have arrived", field="size_bytes"
        )


def _part_sizes(row: tables.Upload) -> dict[int, int]:
    """Number -> size in bytes, for every part."""
    size = row.part_size or row.size_bytes
    count = -(-row.size_bytes // size)
    return {n: min(size, row.size_bytes - (n - 1) * size) for n in range(1, count + 1)}


def _arrived(env: Environment, row: tables.Upload) -> list[Part]:
    return env.objects.parts(row.object_key, row.store_upload_id or "")


def _shown(env: Environment, row: tables.Upload) -> Upload:
    shown = Upload.model_validate(
        {name: getattr(row, name) for name in Upload.model_fields if hasattr(row, name)}
    )
    if row.upload_status != "pending":
        return shown
    seconds = env.timing.signed_s
    if row.store_upload_id is None:
        form = env.objects.upload_form(row.object_key, max_bytes=row.size_bytes, seconds=seconds)
        return shown.model_copy(update={"url": form.url, "fields": form.fields})
    there = {part.number: part for part in _arrived(env, row)}
    parts = []
    for number, size in _part_sizes(row).items():
        part = there.get(number)
        whole = part is not None and part.size_bytes == size
        url = env.objects.part_url(
            row.object_key, row.store_upload_id, number, max_bytes=size, seconds=seconds
        )
        parts.append(
            UploadPart(
                number=number,
                url=None if whole else url,
                size_bytes=size,
                etag=part.etag if part is not None and whole else None,
            )
        )
    return shown.model_copy(update={"parts": parts})
