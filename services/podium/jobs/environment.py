"""What the steps work with: database, objects, gateways, stream, log."""

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
from podium.jobs.oplog import NoLog, OperationalLog
from podium.jobs.probe import ProbeLimits
from podium.jobs.sql.database import Database
from podium.jobs.timing import Timing
from podium.media.codecs import Codecs, CodecsHere
from podium.schemas.states import Priority

_log = logging.getLogger("podium.jobs")


class Stream(Protocol):
    """Tells workers of frame batches; what it says is only a hint."""

    def put(self, queue: str | None, priority: Priority, batch_ids: Collection[int]) -> None:
        """Tell of frame batches; may tell twice, may forget.

        Args:
            queue: The stream that the project names; None: that of the class.
            priority: The class.
            batch_ids: The frame batches.

        Raises:
            Unavailable: the stream does not take them.
        """


class Workflow(Protocol):
    """Has the steps of jobs called."""

    def start(self, job_id: int, *, again: datetime | None = None) -> None:
        """Begin with a job; a second call for the same beginning changes nothing.

        Args:
            job_id: Of the job.
            again: When it was sent back to work; None: it is new.

        Raises:
            Unavailable: that did not work; the job is found by housekeeping.
        """


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Environment:
    """What the steps work with.

    Args:
        database: The truth.
        objects: Uploads and results.
        tiers: The gateways.
        gateway_url: Of projects that name none of their own.
        stream: Tells workers of frame batches; None: they look into the table themselves.
        workflow: Has the steps called; None: controllers look into the table themselves.
        log: Gets a record for each action.
        timing: How long and how often.
        archives: What a ZIP may hold.
        videos: What a video may be.
        codecs: Where the packets of videos are read.
        tier_usd_per_hour: What the nodes of a tier cost, for estimates; None: not known.
        private_webhooks: Whether webhooks may lead into private networks.
        now: The clock.
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
    videos: ProbeLimits = field(default_factory=ProbeLimits)
    codecs: Codecs = field(default_factory=CodecsHere)
    tier_usd_per_hour: float | None = None
    private_webhooks: bool = False
    now: Callable[[], datetime] = utc_now

    def gateway(self, of_project: str | None) -> str:
        """The gateway of a project's tier. Raises SetupError where there is none."""
        url = of_project or self.gateway_url
        if url is None:
            raise SetupError("the project names no gateway, and the installation has none")
        return url

    def start(self, job_id: int, *, again: datetime | None = None) -> None:
        """Have a job begun that was made or sent back to work, and committed.

        Where that does not work, housekeeping begins it a minute later.
        """
        if self.workflow is None:
            return
        try:
            self.workflow.start(job_id, again=again)
        except Unavailable as error:
            _log.warning("job %d waits for housekeeping: %s", job_id, error.message)

    def lease_until(self) -> datetime:
        """When a lease that is taken now ends."""
        return self.now() + timedelta(seconds=self.timing.lease_s)
