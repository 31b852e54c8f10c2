"""Downloads the results of a job into a folder; files that are complete already are skipped."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from podium.client.jobs.core import call
from podium.client.jobs.transport import Transport, patiently
from podium.errors import Forbidden, NotFound, StageFailed, Unavailable
from podium.schemas.jobs import JobResults, ResultFile
from podium.whole_files import named_errors, replacing

GotBytes = Callable[[int, int], None]
"""Called with the number of bytes received and their total."""

AT_ONCE = 4
_JOB = ".podium-job"
"""File with the id of the job that a folder belongs to."""
_CHUNK_BYTES = 256 << 10
_RESERVED = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Wanted:
    file: ResultFile
    path: Path


async def download(
    transport: Transport, job_id: int, folder: Path, only: Sequence[str], told: GotBytes
) -> list[Path]:
    """Download the files of a job.

    Args:
        transport: Sends the requests.
        job_id: Id of the job.
        folder: Gets a folder for each video, the other files of the upload, and the manifest. If it
            holds files of another job, they go to its subfolder ``job-<id>``.
        only: Patterns of file names, such as ``*.csv``; empty: all files.
        told: Called with the number of bytes received and their total.

    Returns:
        The files, in the order of the results.

    Raises:
        ApiError, Unavailable: from the api.
        OSError: a file cannot be written.
        StageFailed: a file has another size or hash than the results say.
    """
    folder = await asyncio.to_thread(_of_this_job, folder, job_id)
    wanted = await _plan(transport, job_id, folder, only)
    total, done = sum(each.file.size_bytes for each in wanted), 0
    todo = iter(wanted)

    def count(size: int) -> None:
        nonlocal done
        done += size
        told(done, total)

    async def work() -> None:
        for each in todo:
            if await asyncio.to_thread(_is_there, each):
                count(each.file.size_bytes)
                continue
            try:
                await _fetch(transport, each, count)
            except Forbidden:  # the address has expired
                renewed = await _plan(transport, job_id, folder, only)
                [again] = [new for new in renewed if new.path == each.path]
                await _fetch(transport, again, count)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [each.path for each in wanted]


def _of_this_job(folder: Path, job_id: int) -> Path:
    """The folder, or one in it where that has files of others: nothing of theirs is overwritten."""
    marker = folder / _JOB
    with named_errors(folder):
        if marker.is_file() and marker.read_text().strip() == str(job_id):
            return folder
        if folder.exists() and any(folder.iterdir()):
            folder /= f"job-{job_id}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _JOB).write_text(f"{job_id}\n")
    return folder


async def _plan(
    transport: Transport, job_id: int, folder: Path, only: Sequence[str]
) -> list[_Wanted]:
    results: JobResults = await call(transport, "get_job_results", job_id)
    return [
        _Wanted(file, folder / path)
        for path, file in placed(results)
        if not only or any(fnmatch(PurePosixPath(path).name, pattern) for pattern in only)
    ]


def placed(results: JobResults) -> Iterator[tuple[Path, ResultFile]]:
    """The place of each file below the folder; names from the api are never used as paths."""
    taken = {"manifest.json", "other_files"}
    for video in results.videos:
        if video.files:
            stem = PurePosixPath(video.video_name).stem
            name = _free(_safe(stem), taken, video.video_id)
            for file in video.files:
                yield Path(name, *map(_safe, file.name.split("/"))), file
    names: set[str] = set()
    for number, file in enumerate(results.other_files):
        yield Path("other_files", _free(_safe(file.name), names, number)), file
    if results.manifest is not None:
        yield Path("manifest.json"), results.manifest


def _safe(name: str) -> str:
    """A name that every file system takes, and that leads nowhere."""
    plain = re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*]', "_", name).strip(". ")[:150]
    return f"_{plain}" if not plain or _RESERVED.match(plain.partition(".")[0]) else plain


def _free(name: str, taken: set[str], number: int) -> str:
    """The name, with a number where another has it; file systems may not tell cases apart."""
    if name.casefold() in taken:
        stem, dot, suffix = name.partition(".")
        name = f"{stem}-{number}{dot}{suffix}"
    taken.add(name.casefold())
    return name


def _is_there(wanted: _Wanted) -> bool:
    with suppress(OSError):
        if wanted.path.stat().st_size == wanted.file.size_bytes and wanted.file.sha256:
            with wanted.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == wanted.file.sha256
    return False


async def _fetch(transport: Transport, wanted: _Wanted, count: Callable[[int], None]) -> None:
    counted = 0

    async def get() -> None:
        nonlocal counted
        count(-counted)
        counted = 0
        digest = hashlib.sha256()
        async with transport.session.get(wanted.file.url, allow_redirects=False) as response:
            _check(response.status, wanted)
            with named_errors(wanted.path):
                wanted.path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(wanted.path) as file:
                async for piece in response.content.iter_chunked(_CHUNK_BYTES):
                    with named_errors(wanted.path):
                        file.write(piece)
                    digest.update(piece)
                    counted += len(piece)
                    count(len(piece))
                if counted != wanted.file.size_bytes:
                    raise Unavailable(f"{wanted.file.name} broke off")
        if wanted.file.sha256 and digest.hexdigest() != wanted.file.sha256:
            wanted.path.unlink(missing_ok=True)
            raise Unavailable(f"{wanted.file.name} is damaged")

    await patiently(get, wanted.file.name)


def _check(status: int, wanted: _Wanted) -> None:
    if status < 300:
        return
    if status == 403:
        raise Forbidden(f"the address of {wanted.file.name} has expired")
    if status == 404:
        raise NotFound(f"{wanted.file.name} is gone: the data of the job has been deleted")
    if status >= 500 or status in (408, 429):
        raise Unavailable(f"{wanted.file.name}: status {status}")
    raise StageFailed(f"{wanted.file.name} cannot be fetched: status {status}")
