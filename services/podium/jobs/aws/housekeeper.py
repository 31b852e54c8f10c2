"""The duties of a controller besides the steps, on AWS without one: called once a minute."""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from typing import Any

from podium.errors import Unavailable
from podium.jobs import housekeeping, webhooks
from podium.jobs.aws.consumer import LambdaContext
from podium.jobs.aws.steps import PATIENCE_S
from podium.jobs.environment import Environment
from podium.jobs.observing.oplog import action
from podium.jobs.principal import SYSTEM
from podium.jobs.sql import deliveries, jobs

_log = logging.getLogger("podium.jobs.aws")

_GRACE_S = 60.0
_AT_ONCE = 50
_LEAST_S = 30.0
"""A delivery may take 20 s."""


def keep_house(env: Environment, context: LambdaContext) -> dict[str, Any]:
    """Restart lost jobs, deliver webhooks, delete what has expired.

    Returns:
        How many jobs were ``restarted``, and how many messages ``delivered``.
    """
    restarted = _restart(env)
    housekeeping.tidy(env)
    delivered = 0
    while context.get_remaining_time_in_millis() / 1e3 > _LEAST_S:
        waiting = env.database.look(SYSTEM, partial(deliveries.due, now=env.now()))
        if not waiting:
            break
        webhooks.deliver(env, waiting[0])
        delivered += 1
    return {"restarted": restarted, "delivered": delivered}


def _restart(env: Environment) -> int:
    """Start executions for jobs that have none: never started, stopped by hand, or timed out."""
    if env.workflow is None:
        return 0
    now, started = env.now(), 0
    lost = partial(jobs.due, now=now - timedelta(seconds=_GRACE_S), limit=_AT_ONCE)
    for job_id in env.database.read(SYSTEM, lost):
        try:
            with action(env.log, "restart", job_id=job_id):
                env.workflow.start(job_id, again=now)
        except Unavailable as error:
            _log.warning("%s", error.message)
            break
        due_at = now + timedelta(seconds=PATIENCE_S)
        env.database.write(SYSTEM, partial(jobs.postpone, job_id=job_id, due_at=due_at))
        started += 1
    return started
