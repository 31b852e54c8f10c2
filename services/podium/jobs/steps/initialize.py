"""``initialize``: unpacks the upload, examines its videos, creates their rows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from podium.errors import Forbidden, InvalidInput, NotFound, Unprocessable
from podium.jobs.archive import Archive, is_archive
from podium.jobs.environment import Environment
from podium.jobs.failures import describe
from podium.jobs.objects import job_folder, suffix_of
from podium.jobs.observing.oplog import action
from podium.jobs.principal import SYSTEM
from podium.jobs.probe import Facts
from podium.jobs.sql import jobs, videos
from podium.jobs.sql.videos import NewVideo
from podium.schemas.jobs import JobError, OtherFile

_VIDEO_SUFFIXES = frozenset(
    ".mp4 .mov .m4v .mkv .webm .avi .ts .mts .m2ts .mpg .mpeg .wmv .3gp".split()
)


@dataclass
class _Found:
    """The files of an upload."""

    videos: list[NewVideo] = field(default_factory=list)
    others: list[OtherFile] = field(default_factory=list)


def initialize(env: Environment, job_id: int) -> list[int]:
    """Create the videos of a job; returns their ids.

    A job that has videos keeps them. A video that cannot be read gets a row with the reason and
    does not affect the others.

    Raises:
        InvalidInput, Forbidden, NotFound: there are no videos; the message says why.
        Unavailable: the object store does not answer.
    """
    with action(env.log, "initialize", job_id=job_id) as outcome:
        env.database.write(SYSTEM, lambda s: jobs.transition(s, job_id, "initializing", env.now()))
        source = env.database.read(SYSTEM, lambda s: videos.source_of(s, job_id))
        found = _Found()
        if not source.has_videos:
            folder = job_folder(source.project_id, job_id)
            if source.earlier:
                _take_again(env, source.earlier, folder, found)
            else:
                _take_apart(env, source, folder, found)
            if not found.videos:
                raise Unprocessable("has no videos in it", field="upload")
        outcome["others"] = len(found.others)

        ids = env.database.write(
            SYSTEM,
            lambda s: videos.insert(s, job_id, found.videos, found.others, env.now()),
        )
        outcome["videos"] = ids
        return ids


def _take_again(
    env: Environment, earlier: list[videos.EarlierVideo], folder: str, found: _Found
) -> None:
    """Copy the videos of earlier jobs, so that each job can be deleted independently."""
    for ordinal, video in enumerate(earlier):
        copied = None
        if video.key is not None:
            copied = f"{folder}/inputs/{ordinal}{suffix_of(video.key)}"
            env.objects.copy(video.key, copied)
        address = video.address if copied is None else env.objects.address(copied)
        results = f"{folder}/results/{ordinal}"
        found.videos.append(_looked_at(env, video.name, address, copied, results))


def _take_apart(env: Environment, source: videos.Source, folder: str, found: _Found) -> None:
    """Read an upload or a user's own object: a video, or a ZIP of videos."""
    address = source.uri or env.objects.address(source.upload_key or "")
    with env.objects.local(address) as path:
        if source.uri is not None:
            _check_below(path, source.uri, source.prefixes)
        if not is_archive(path):
            name = source.upload_name or unquote(urlsplit(address).path).rpartition("/")[2]
            facts = _facts(env, path)
            found.videos.append(
                NewVideo(
                    name,
                    address,
                    source.upload_key,
                    f"{folder}/results/0",
                    path.stat().st_size,
                    *facts,
                )
            )
            return
        with Archive(path, env.archives) as archive:
            for ordinal, entry in enumerate(archive.entries):
                with unpacked(archive.read(entry)) as (whole, damage):
                    at = f"{folder}/{{}}/{ordinal}"
                    _keep(env, at, entry.name, whole, damage=damage, found=found)


def _keep(
    env: Environment, at: str, name: str, path: Path, *, damage: JobError | None, found: _Found
) -> None:
    """Store a file of an archive, as a video or as another file."""
    size = path.stat().st_size
    if not is_video(name, path):
        key = at.format("files") + suffix_of(name)
        env.objects.put(key, path)
        found.others.append(OtherFile(name=name, path=key, size_bytes=size))
        return
    key = at.format("inputs") + suffix_of(name)
    env.objects.put(key, path)
    facts, error = (None, damage) if damage else _facts(env, path)
    address, results = env.objects.address(key), at.format("results")
    found.videos.append(NewVideo(name, address, key, results, size, facts, error))


@contextmanager
def unpacked(pieces: Iterator[bytes]) -> Iterator[tuple[Path, JobError | None]]:
    """A temporary file with the bytes, and the error if they are damaged."""
    damage = None
    with tempfile.TemporaryDirectory(prefix="podium-upload-") as folder:
        path = Path(folder) / "entry"
        with path.open("wb") as file:
            try:
                file.writelines(pieces)
            except InvalidInput as error:
                damage = describe(error)
        yield path, damage


def is_video(name: str, path: Path) -> bool:
    """Whether a file is a video, by its suffix (so that a damaged one is reported) or content."""
    from podium.media.containers import HEAD_BYTES, container_format  # 20 MB of memory

    if suffix_of(name) in _VIDEO_SUFFIXES:
        return True
    with path.open("rb") as file:
        try:
            container_format(file.read(HEAD_BYTES))
        except InvalidInput:
            return False
    return True


def _looked_at(
    env: Environment, name: str, address: str, key: str | None, results: str
) -> NewVideo:
    try:
        with env.objects.local(address) as path:
            facts, error = _facts(env, path)
            return NewVideo(name, address, key, results, path.stat().st_size, facts, error)
    except (NotFound, Forbidden) as gone:
        return NewVideo(name, address, key, results, 0, None, describe(gone))


def _facts(env: Environment, path: Path) -> tuple[Facts | None, JobError | None]:
    try:
        return env.probe(path), None
    except InvalidInput as error:
        return None, describe(error)


def _check_below(path: Path, uri: str, prefixes: list[str]) -> None:
    """Check the real path: the address was checked as text, but links may lead elsewhere."""
    if not any(uri.startswith(prefix) for prefix in prefixes):
        raise Forbidden("uri: is not below an address that the project may read")
    roots = [Path(unquote(urlsplit(p).path)).resolve() for p in prefixes if p.startswith("file:")]
    if uri.startswith("file:") and not any(path.resolve().is_relative_to(r) for r in roots):
        raise Forbidden("uri: is not below an address that the project may read")
