"""Periodic cleaning: deletes expired data and aborts unfinished uploads."""

from __future__ import annotations

from functools import partial

from podium.errors import Conflict
from podium.jobs.environment import Environment
from podium.jobs.observing.oplog import action
from podium.jobs.principal import SYSTEM, Principal
from podium.jobs.sql import expiry, submission


def tidy(env: Environment) -> None:
    """Clean up; several processes may do so at the same time."""
    now = env.now()
    for job_id in env.database.read(SYSTEM, partial(expiry.jobs_to_forget, now=now)):
        try:
            delete_data(env, SYSTEM, job_id)
        except Conflict:
            continue  # it was retried meanwhile
    for upload in env.database.write(SYSTEM, partial(expiry.abort_uploads, now=now)):
        if upload.store_upload_id is not None:
            env.objects.abort_parts(upload.object_key, upload.store_upload_id)
    env.database.write(SYSTEM, partial(expiry.forget_answers, now=now))


def delete_data(env: Environment, principal: Principal, job_id: int) -> None:
    """Delete uploads and results of an ended job; its row and events stay.

    Raises:
        NotFound: there is no such job.
        Conflict: it has not ended.
    """
    with action(env.log, "delete_data", job_id=job_id) as outcome:
        doomed = env.database.write(
            principal, partial(submission.mark_data_deleted, job_id=job_id, now=env.now())
        )
        outcome["objects"] = sum(env.objects.delete_all(prefix) for prefix in doomed)
