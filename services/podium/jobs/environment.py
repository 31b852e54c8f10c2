"""What the steps work with: database, objects, gateways, stream, log."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from podium.errors import SetupError
from podium.jobs.archive import ArchiveLimits
from podium.jobs.gateway import Tiers
from podium.jobs.objects import Objects
from podium.jobs.oplog import NoLog, OperationalLog
from podium.jobs.probe import ProbeLimits
from podium.jobs.sql.database import Database
from podium.jobs.timing import Timing


class Stream(Protocol):
    """Tells workers of frame batches; what it says is only a hint."""

    def put(self, project_id: int, priority: str, batch_ids: Collection[int]) -> None:
        """Tell of frame batches; may tell twice, may forget."""


class NoStream:
    """Workers look into the table themselves."""

    def put(self, project_id: int, priority: str, batch_ids: Collection[int]) -> None:
        del project_id, priority, batch_ids


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
        stream: Tells workers of frame batches.
        log: Gets a record for each action.
        timing: How long and how often.
        archives: What a ZIP may hold.
        videos: What a video may be.
        tier_usd_per_hour: What the nodes of a tier cost, for estimates; None: not known.
        private_webhooks: Whether webhooks may lead into private networks.
        now: The clock.
    """

    database: Database
    objects: Objects
    tiers: Tiers
    gateway_url: str | None = None
    stream: Stream = field(default_factory=NoStream)
    log: OperationalLog = field(default_factory=NoLog)
    timing: Timing = field(default_factory=Timing)
    archives: ArchiveLimits = field(default_factory=ArchiveLimits)
    videos: ProbeLimits = field(default_factory=ProbeLimits)
    tier_usd_per_hour: float | None = None
    private_webhooks: bool = False
    now: Callable[[], datetime] = utc_now

    def gateway(self, of_project: str | None) -> str:
        """The gateway of a project's tier. Raises SetupError where there is none."""
        url = of_project or self.gateway_url
        if url is None:
            raise SetupError("the project names no gateway, and the installation has none")
        return url

    def lease_until(self) -> datetime:
        """When a lease that is taken now ends."""
        return self.now() + timedelta(seconds=self.timing.lease_s)
