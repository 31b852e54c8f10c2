"""The environment of the steps: database, objects, gateways, stream, log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from podium.errors import SetupError, Unavailable
from podium.jobs.archive import ArchiveLimits
from podium.jobs.gateway import Tiers
from podium.jobs.objects import Objects
from podium.jobs.observing.oplog import NoLog, OperationalLog
from podium.jobs.probe import Probe
from podium.jobs.recent import Recent
from podium.jobs.sql.database import Database
from podium.jobs.sql.jobs import Work
from podium.jobs.timing import Timing
from podium.schemas.states import Priority

_log = logging.getLogger("podium.jobs")


class Stream(Protocol):
    """Announces frame batches to workers; its records are only hints."""

    def put(self, queue: str | None, priority: Priority, batch_ids: Collection[int]) -> None:
        """Announce frame batches; a record may arrive twice or be lost.

        Args:
            queue: The project's own stream; None: that of the class.
            priority: The class.
            batch_ids: The frame batches.

        Raises:
            Unavailable: the stream does not accept them.
        """


class Workflow(Protocol):
    """A service that calls the steps of jobs."""

    def start(self, job_id: int, *, again: datetime | None = None) -> None:
        """Start the workflow of a job; a second call with the same arguments has no effect.

        Args:
            job_id: Id of the job.
            again: Time of the retry; None: the job is new.

        Raises:
            Unavailable: the start failed; housekeeping will find the job.
        """


def utc_now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


_RECENT_S = 0.5
"""For this long after a job is canceled, workers may still begin a batch that they hold."""


@dataclass(frozen=True)
class Environment:
    """The environment of the steps.

    Args:
        database: All state.
        objects: Uploads and results.
        tiers: The gateways.
        gateway_url: Gateway of projects that have none of their own.
        stream: Announces frame batches to workers; None: workers poll the table.
        workflow: Calls the steps; None: controllers poll the table.
        log: Gets a record for each action.
        timing: Time limits and retries.
        archives: Limits of ZIP archives.
        probe: Examines videos.
        tier_usd_per_hour: Cost of the nodes of a tier, for estimates; None: unknown.
        private_webhooks: Whether webhooks may lead into private networks.
        now: The clock.
        works: Recently read settings for the frame batches, by job.
    """

    database: Database
    objects: Objects
    tiers: Tiers
    gateway_url: str | None = None
    stream: Stream | None = None
    workflow: Workflow | None = None
    log: OperationalLog = field(default_factory=NoLog)
    timing: Timing = field(default_factory=Timing)
    archives: ArchiveLimits = field(default_factory=ArchiveLimits)
    probe: Probe = field(default_factory=Probe)
    tier_usd_per_hour: float | None = None
    private_webhooks: bool = False
    now: Callable[[], datetime] = utc_now
    works: Recent[Work] = field(default_factory=lambda: Recent(_RECENT_S))

    def close(self) -> None:
        """Close the database and end the processes that read videos."""
        self.database.close()
        self.probe.close()

    def gateway(self, of_project: str | None) -> str:
        """The gateway of a project's tier. Raises SetupError if there is none."""
        url = of_project or self.gateway_url
        if url is None:
            raise SetupError("the project names no gateway, and the installation has none")
        return url

    def start(self, job_id: int, *, again: datetime | None = None) -> None:
        """Start the workflow of a new or retried job, after the commit.

        If that fails, housekeeping starts it a minute later.
        """
        if self.workflow is None:
            return
        try:
            self.workflow.start(job_id, again=again)
        except Unavailable as error:
            _log.warning("job %d waits for housekeeping: %s", job_id, error.message)

    def lease_until(self) -> datetime:
        """End of a lease that is taken now."""
        return self.now() + timedelta(seconds=self.timing.lease_s)
