"""The files of a job, with addresses that are valid for a limited time."""

from __future__ import annotations

import mimetypes
from functools import partial
from typing import Any

import orjson

from podium.errors import NotFound
from podium.jobs.environment import Environment
from podium.jobs.objects import job_folder
from podium.jobs.principal import Principal
from podium.jobs.sql import jobs
from podium.schemas.jobs import JobResults, OtherFile, ResultFile, VideoResults

MANIFEST = "manifest.json"
FILES = "files.json"
"""Object with the list of the files that postprocessing wrote for a video."""

CORRECTIONS = "corrections.json"
"""Object with the corrections by hand to the results of a video."""

WHOLE = "results.json"
"""Object with all frame results of a video: a list of the answers of its frame batches."""


def results(env: Environment, principal: Principal, job_id: int) -> JobResults:
    """The existing files; while the job runs, those of the videos that have ended.

    Raises:
        NotFound: there is no such job.
    """
    job = env.database.read(principal, partial(jobs.get, job_id=job_id))
    videos = env.database.read(principal, partial(jobs.videos, job_id=job_id))
    others = [OtherFile.model_validate(other) for other in job.other_files]
    return JobResults(
        job_id=job.id,
        job_status=job.job_status,
        videos=[
            VideoResults(
                video_id=video.id,
                video_name=video.video_name,
                video_status=video.video_status,
                files=[_file(env, file) for file in listed(env, video.video_results_path)],
            )
            for video in videos
        ],
        other_files=[_file(env, other.model_dump()) for other in others],
        manifest=_manifest(env, f"{job_folder(job.project_id, job_id)}/{MANIFEST}"),
    )


def listed(env: Environment, folder: str) -> list[dict[str, Any]]:
    """The files of a video in the form of the manifest: name, path, size, kind, hash."""
    try:
        files: list[dict[str, Any]] = orjson.loads(b"".join(env.objects.read(f"{folder}/{FILES}")))
    except NotFound:
        files = []
    try:
        size = env.objects.size_bytes(f"{folder}/{WHOLE}")
    except NotFound:
        return files
    whole = {"name": WHOLE, "path": f"{folder}/{WHOLE}", "size_bytes": size}
    return [*files, {**whole, "media_type": "application/json"}]


def _manifest(env: Environment, key: str) -> ResultFile | None:
    try:
        size = env.objects.size_bytes(key)
    except NotFound:
        return None
    return _file(env, {"name": MANIFEST, "path": key, "size_bytes": size})


def _file(env: Environment, file: dict[str, Any]) -> ResultFile:
    name = str(file["name"]).rpartition("/")[2] or "file"
    guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
    url = env.objects.download_url(file["path"], seconds=env.timing.signed_s, name=name)
    return ResultFile.model_validate({"media_type": guessed, **file, "url": url})
