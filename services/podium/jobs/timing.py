"""Time limits and retries of steps, for their callers.

A job that makes no progress ends at its deadline in any case.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Literal

StepName = Literal["initialize", "submit", "consume", "check", "collect"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step: at most ``tries`` attempts, with pauses that grow up to ``longest_pause_s``.

    An attempt counts if the step itself failed or its worker died. It does not count if a gateway,
    the database or the object store did not answer or was full: then the step waits.
    """

    timeout_s: float
    tries: int
    first_pause_s: float
    factor: float
    longest_pause_s: float

    def pause_s(self, attempt: int) -> float:
        """Seconds to wait after attempt number ``attempt`` (from 1), with jitter."""
        pause = min(self.longest_pause_s, self.first_pause_s * self.factor ** min(attempt - 1, 32))
        return pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret


STEPS: dict[StepName, Step] = {
    "initialize": Step(3600, 3, 2.0, 2.0, 60.0),
    "submit": Step(300, 5, 1.0, 2.0, 30.0),
    "consume": Step(600, 5, 1.0, 2.0, 60.0),
    "check": Step(60, 5, 1.0, 2.0, 30.0),
    "collect": Step(7200, 3, 2.0, 2.0, 60.0),
}

_HOUR_S = 3600.0
WEBHOOK_PAUSES_S = (5.0, 300.0, 1800.0, *(hours * _HOUR_S for hours in (2, 5, 10, 14, 20, 24)))
"""Pauses before each further attempt of a delivery (Standard Webhooks 1.0.0)."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Times that an installation can configure."""

    steps: dict[StepName, Step] = field(default_factory=lambda: dict(STEPS))

    lease_s: float = 60.0
    """A worker without a heartbeat for this long counts as dead; another one gets its work."""

    call_tries: int = 5
    """Requests to the gateway per attempt of a frame batch, after 429, 502, 503, 504 or a lost
    connection."""

    call_backoff_s: float = 0.25
    call_longest_backoff_s: float = 15.0

    check_every_s: float = 1.0
    """How often the progress of a running job is written."""

    silent_s: float = 300.0
    """A frame batch that has waited for this long is announced again on the stream."""

    wait_first_s: float = 5.0
    """Time between two looks of a state machine at a new job."""

    wait_longest_s: float = 60.0
    """Time between two looks at a job that has run for ten times as long."""

    job_deadline_s: float = 86_400.0
    """A job that has not ended by this time expires."""

    batch_frames: int = 64
    """Frames per frame batch, unless job or pipeline set another number."""

    signed_s: float = 3600.0
    """How long signed addresses are valid."""

    idempotency_s: float = 86_400.0
    """How long the answer to an idempotency key is kept."""

    webhook_timeout_s: float = 20.0
    webhook_secret_overlap_s: float = 86_400.0
    """How long messages are also signed with the earlier secret."""

    def wait_s(self, age_s: float) -> int:
        """Whole seconds that a state machine waits before it looks at a job again.

        A history has at most 25,000 events and a look needs nine: a day fits with 60 s, not with
        30 s.
        """
        return round(min(self.wait_longest_s, max(self.wait_first_s, age_s / 10)))

    @property
    def heartbeat_s(self) -> float:
        """Interval of the heartbeats of a worker; three may be lost."""
        return self.lease_s / 4
