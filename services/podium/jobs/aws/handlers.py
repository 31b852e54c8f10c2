"""The functions that Lambda calls; the container's command names one of them.

The environment is made once for each process and serves many calls.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

from podium.jobs.aws import steps
from podium.jobs.aws.consumer import LambdaContext, consume_records
from podium.jobs.aws.housekeeper import keep_house
from podium.jobs.aws.steps import Document
from podium.jobs.environment import Environment
from podium.jobs.principal import SYSTEM
from podium.jobs.settings import JobsSettings, open_environment
from podium.jobs.sql import first_start
from podium.jobs.sql.schema import migrate

_MARGIN_S = 10.0
logging.getLogger("podium").setLevel(logging.INFO)


@cache
def environment() -> Environment:
    """What the steps work with, by the settings ``PODIUM_JOBS_...``."""
    return open_environment(JobsSettings())


def initializer(event: Document, context: LambdaContext) -> Document:
    """Take the upload of a job apart into videos."""
    return steps.initialize_job(environment(), event, _seconds(context))


def submitter(event: Document, context: LambdaContext) -> Document:
    """Put the frame batches of a video on the stream."""
    del context
    return steps.submit_video(environment(), event)


def completion_check(event: Document, context: LambdaContext) -> Document:
    """Say whether the frame batches of a job have ended."""
    del context
    return steps.check_job(environment(), event)


def collector(event: Document, context: LambdaContext) -> Document:
    """Postprocess the results of a job, as many videos as there is time for."""
    return steps.collect_job(environment(), event, _seconds(context))


def give_up(event: Document, context: LambdaContext) -> Document:
    """End a job whose step has failed for good."""
    del context
    return steps.give_up_job(environment(), event)


def consumer(event: Document, context: LambdaContext) -> dict[str, Any]:
    """Do the frame batches that the records of a stream name."""
    return consume_records(environment(), event, context)


def housekeeper(event: Document, context: LambdaContext) -> dict[str, Any]:
    """Do what has to be done once a minute."""
    del event
    return keep_house(environment(), context)


def migrator(event: Document, context: LambdaContext) -> Document:
    """Bring the database to the newest revision; called after each deployment.

    The event is ``{"pipelines": {name: description}}``; those that do not exist are made. The
    answer to the first call has the key of the administrator, which is never shown again.
    """
    del context
    env = environment()
    migrate.upgrade(env.database)
    made = env.database.write(
        SYSTEM, lambda s: first_start.prepare(s, event.get("pipelines", {}), env.now())
    )
    return {} if made is None else made.model_dump(mode="json")


def _seconds(context: LambdaContext) -> float:
    return max(1.0, context.get_remaining_time_in_millis() / 1e3 - _MARGIN_S)
