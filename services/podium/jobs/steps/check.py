"""``check``: counts ended batches, offers the batches of dead workers again, writes progress.

Batches that were offered again or have waited for long are announced again on the stream: their
records may be lost or expired.
"""

from __future__ import annotations

from functools import partial
from typing import cast

from podium.jobs.environment import Environment, Stream
from podium.jobs.observing.oplog import action
from podium.jobs.principal import SYSTEM
from podium.jobs.sql import batches, checking, jobs, submitting
from podium.jobs.sql.checking import Checked
from podium.schemas.states import Priority

__all__ = ["Checked", "check"]


def check(env: Environment, job_id: int) -> Checked:
    """Offer the lost frame batches of a job again; returns its status.

    Raises:
        NotFound: there is no such job.
        Unavailable: the stream does not accept records.
    """
    with action(env.log, "check", job_id=job_id) as outcome:
        tries = env.timing.steps["consume"].tries
        checked = env.database.write(
            SYSTEM, partial(checking.check, job_id=job_id, tries=tries, now=env.now())
        )
        outcome |= {"state": checked.state, "pending": checked.pending}
        if env.stream is not None and checked.state == "processing":
            outcome["told_again"] = _tell_again(env, env.stream, job_id, checked)
        return checked


def _tell_again(env: Environment, stream: Stream, job_id: int, checked: Checked) -> int:
    silent_s, now = env.timing.silent_s, env.now()
    quiet = partial(batches.untold, job_id=job_id, silent_s=silent_s, now=now)
    ids = sorted({*checked.recovered, *env.database.read(SYSTEM, quiet)})
    if ids:
        job = env.database.read(SYSTEM, partial(jobs.get, job_id=job_id))
        queue = env.database.read(SYSTEM, partial(submitting.queue_of, project_id=job.project_id))
        stream.put(queue, cast(Priority, job.priority), ids)
        env.database.write(SYSTEM, partial(batches.mark_told, ids=ids, now=now))
    return len(ids)
