"""``collect``: merges results, has them postprocessed, names missing ones, ends the job."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import orjson

from podium.errors import PodiumError
from podium.jobs import failures, results
from podium.jobs.environment import Environment
from podium.jobs.objects import job_folder
from podium.jobs.observing.oplog import action
from podium.jobs.principal import SYSTEM
from podium.jobs.sql import collecting, jobs
from podium.jobs.sql.collecting import Ended, OpenVideo
from podium.schemas.jobs import JobError, Scalar
from podium.schemas.states import JobState
from podium.schemas.summary import OutputFile, PostprocessResult


@dataclass
class _Results:
    """The outcome of a video."""

    state: JobState
    error: JobError | None = None
    warnings: list[str] = field(default_factory=list)
    files: list[OutputFile] = field(default_factory=list)


def collect(
    env: Environment,
    job_id: int,
    *,
    ends_as: JobState | None = None,
    seconds: float | None = None,
) -> JobState:
    """Merge the results of a job and end it; returns its new state.

    The failure of one video does not affect the others. A video that was collected before does
    not change.

    Args:
        env: The environment.
        job_id: Id of the job.
        ends_as: ``canceled`` or ``expired``: the results are merged, but not postprocessed.
        seconds: After half of this time no further video is begun, and the job stays open for
            another call; None: no limit.

    Raises:
        Unavailable, Overloaded, StageFailed, DeadlineExceeded: postprocessing may succeed later.
    """
    with action(env.log, "collect", job_id=job_id) as outcome:
        listed = partial(
            collecting.open_videos, job_id=job_id, tries=env.timing.steps["collect"].tries
        )
        begun = time.monotonic()
        for number, video in enumerate(env.database.read(SYSTEM, listed)):
            left = None if seconds is None else seconds - (time.monotonic() - begun)
            if number and left is not None and seconds is not None and left < seconds / 2:
                outcome |= {"videos": number}
                return env.database.read(SYSTEM, partial(jobs.status, job_id=job_id)).state
            there = _collected(env, video, ends_as, left)
            keep_files(env, video, there.files)
            env.database.write(
                SYSTEM,
                partial(
                    collecting.finish,
                    video=video,
                    state=there.state,
                    warnings=there.warnings,
                    error=there.error,
                    now=env.now(),
                ),
            )
        state, error = _verdict(env, job_id, ends_as)
        _write_manifest(env, job_id, state, error)
        ended = env.database.write(
            SYSTEM,
            partial(collecting.end_job, job_id=job_id, state=state, error=error, now=env.now()),
        )
        outcome |= {"state": ended}
        return ended


def _collected(
    env: Environment, video: OpenVideo, ends_as: JobState | None, seconds: float | None
) -> _Results:
    if not video.result_keys:
        if ends_as is not None:
            return _Results(ends_as)
        why = video.first_error or JobError(code="no_results", message="it has no frames")
        return _Results("failed", why)
    key = f"{video.results_folder}/{results.WHOLE}"
    env.objects.put(key, _joined(env, video.result_keys))
    missing = None
    if video.missing:
        frames = sum(part.count for part in video.missing)
        because = "" if video.first_error is None else f": {video.first_error.message}"
        missing = JobError(
            code="frames_missing",
            message=f"{frames} of {video.frames} frames have no results{because}",
            retryable=True,
        )
    if ends_as is not None:
        return _Results(ends_as, missing)
    try:
        done = postprocessed(env, video, video.options, seconds=seconds)
    except PodiumError as error:
        if not failures.is_final(error) and not video.is_last_try:
            raise
        told = failures.describe(error)
        message = f"key points are there, but postprocessing failed: {told.message}"
        return _Results("partially_succeeded", told.model_copy(update={"message": message}))
    state: JobState = "succeeded" if missing is None else "partially_succeeded"
    return _Results(state, missing, done.warnings, done.files)


def _joined(env: Environment, keys: Sequence[str]) -> Iterator[bytes]:
    """A JSON list of all results, in pieces, as it may not fit into memory."""
    yield b"["
    for number, key in enumerate(keys):
        if number:
            yield b",\n"
        yield from env.objects.read(key)
    yield b"]\n"


def postprocessed(
    env: Environment,
    video: OpenVideo,
    options: Mapping[str, Scalar],
    *,
    seconds: float | None = None,
) -> PostprocessResult:
    """Have the merged results of a video turned into files. Raises PodiumError."""
    body = {
        **options,
        "source": video.address,
        "results_uri": env.objects.address(f"{video.results_folder}/{results.WHOLE}"),
        "output": env.objects.address(video.results_folder),
    }
    return env.tiers.postprocess(env.gateway(video.gateway_url), body, seconds=seconds)


def keep_files(env: Environment, video: OpenVideo, written: Sequence[OutputFile]) -> None:
    """Store the list of a video's files for the manifest, with keys instead of addresses."""
    files = [
        {**file.model_dump(exclude={"uri"}), "path": f"{video.results_folder}/{file.name}"}
        for file in written
    ]
    env.objects.put(f"{video.results_folder}/{results.FILES}", orjson.dumps(files))


def _verdict(
    env: Environment, job_id: int, ends_as: JobState | None
) -> tuple[JobState, JobError | None]:
    """The final state and error of the job, from those of its videos."""
    videos = env.database.read(SYSTEM, partial(collecting.ended, job_id=job_id))
    lacking = [video for video in videos if video.error is not None]
    if ends_as == "expired":
        return "expired", JobError(
            code="expired", message="the job did not end before its deadline", retryable=True
        )
    if ends_as is not None or not lacking:
        return ends_as or "succeeded", None
    retryable = any(video.error is not None and video.error.retryable for video in lacking)
    if any(video.state in ("succeeded", "partially_succeeded") for video in videos):
        return "partially_succeeded", JobError(
            code="incomplete", message=_named(videos, lacking), retryable=retryable
        )
    return "failed", JobError(
        code="no_results", message=_named(videos, lacking), retryable=retryable
    )


def _named(videos: Sequence[Ended], lacking: Sequence[Ended]) -> str:
    """A message that names the videos that lack results, up to a limit."""
    named = "; ".join(
        f"{video.name}: {video.error.message}" for video in lacking[:5] if video.error is not None
    )
    more = f"; and {len(lacking) - 5} more" if len(lacking) > 5 else ""
    return f"{len(lacking)} of {len(videos)} videos lack results: {named}{more}"[:1000]


def _write_manifest(env: Environment, job_id: int, state: JobState, error: JobError | None) -> None:
    facts = env.database.read(SYSTEM, partial(collecting.facts, job_id=job_id))
    videos = [
        {**video, "files": results.listed(env, str(video["video_results_path"]))}
        for video in facts.videos
    ]
    manifest = {
        **facts.job,
        "job_status": state,
        "error": None if error is None else error.model_dump(),
        "videos": videos,
    }
    env.objects.put(
        f"{job_folder(facts.project_id, job_id)}/{results.MANIFEST}",
        orjson.dumps(manifest, option=orjson.OPT_INDENT_2),
    )
