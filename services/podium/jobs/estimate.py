"""Estimates a job before it is created: frames, seconds, cost, place in the queue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from podium.errors import InvalidInput
from podium.jobs.archive import Archive, is_archive
from podium.jobs.environment import Environment
from podium.jobs.failures import describe
from podium.jobs.observing.oplog import action
from podium.jobs.principal import Principal
from podium.jobs.sql import trial
from podium.jobs.sql.trial import Trial
from podium.jobs.steps.initialize import is_video, unpacked
from podium.schemas.jobs import JobCreate, JobError, JobEstimate

_HOUR_S = 3600.0


def estimate(env: Environment, principal: Principal, wanted: JobCreate) -> JobEstimate:
    """Estimate a job, with all checks of a real one; nothing is stored.

    Raises:
        PodiumError: what creating the job or its first step would raise, such as for a malicious
            archive.
    """
    with action(env.log, "estimate", project_id=principal.project_id) as outcome:
        tried = env.database.write(
            principal, partial(trial.attempt, wanted=wanted, timing=env.timing, now=env.now())
        )
        counts: list[int] = []
        problems: list[JobError] = []
        for name, path in _videos(env, tried):
            try:
                counts.append(env.probe(path).frame_count)
            except InvalidInput as error:
                told = describe(error)
                problems.append(told.model_copy(update={"message": f"{name}: {told.message}"}))
        step = tried.parameters.step or 1
        size = tried.parameters.batch_frames or env.timing.batch_frames
        taken = [-(-count // step) for count in counts]
        frames, rate = sum(taken), tried.frames_per_s
        seconds = None if rate is None else frames / rate
        price = env.tier_usd_per_hour
        outcome["frames"] = frames
        return JobEstimate(
            videos=len(counts) + len(problems),
            frames=frames,
            frame_batches=sum(-(-count // size) for count in taken),
            seconds=None if seconds is None else round(seconds, 1),
            frames_per_s=None if rate is None else round(rate, 2),
            cost_usd=None
            if seconds is None or price is None
            else round(price * seconds / _HOUR_S, 4),
            queue_position=tried.waiting,
            problems=problems,
        )


def _videos(env: Environment, tried: Trial) -> Iterator[tuple[str, Path]]:
    """The names and local files of the videos that the first step would find, one by one."""
    source = tried.source
    given = [(video.name, video.address) for video in source.earlier]
    if not given:
        address = source.uri or env.objects.address(source.upload_key or "")
        given = [(source.upload_name or address.rpartition("/")[2], address)]
    for name, address in given:
        with ExitStack() as opened:
            path = opened.enter_context(env.objects.local(address))
            if source.earlier or not is_archive(path):
                yield name, path
                continue
            archive = opened.enter_context(Archive(path, env.archives))
            for entry in archive.entries:
                with unpacked(archive.read(entry)) as (whole, _):
                    if is_video(entry.name, whole):
                        yield entry.name, whole
