"""``check``: count what has ended, give the work of dead workers to others, write progress."""

from __future__ import annotations

from functools import partial

from podium.jobs.environment import Environment
from podium.jobs.oplog import action
from podium.jobs.principal import SYSTEM
from podium.jobs.sql import checking
from podium.jobs.sql.checking import Checked

__all__ = ["Checked", "check"]


def check(env: Environment, job_id: int) -> Checked:
    """Say how a job stands, after its lost frame batches were offered again.

    Raises:
        NotFound: there is no such job.
    """
    with action(env.log, "check", job_id=job_id) as outcome:
        tries = env.timing.steps["consume"].tries
        checked = env.database.write(
            SYSTEM, partial(checking.check, job_id=job_id, tries=tries, now=env.now())
        )
        outcome |= {"state": checked.state, "pending": checked.pending}
        return checked
