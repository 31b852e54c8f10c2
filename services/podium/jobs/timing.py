"""How long steps may take and how often they are tried: read by whoever calls them.

A job that nothing moves ends at its deadline, whatever else happens.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Literal

StepName = Literal["initialize", "submit", "consume", "check", "collect"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step: ``tries`` times at most, with pauses that grow up to ``longest_pause_s``.

    A try counts when the step failed by itself or its worker died. That a gateway, the database or
    the object store does not answer, or has no room, counts for nothing: such a step waits.
    """

    timeout_s: float
    tries: int
    first_pause_s: float
    factor: float
    longest_pause_s: float

    def pause_s(self, attempt: int) -> float:
        """How long to wait after the try ``attempt`` (from 1), with jitter."""
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
"""Before each further try of a delivery (Standard Webhooks 1.0.0)."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Times that an installation may choose."""

    steps: dict[StepName, Step] = field(default_factory=lambda: dict(STEPS))

    lease_s: float = 60.0
    """A worker that was silent for longer has died; its work is given to another."""

    call_tries: int = 5
    """Requests to the gateway in one try of a frame batch: 429, 502, 503, 504, lost connections."""

    call_backoff_s: float = 0.25
    call_longest_backoff_s: float = 15.0

    check_every_s: float = 1.0
    """How often the progress of a running job is written."""

    silent_s: float = 300.0
    """A stream is told again of a frame batch that has waited for longer without a sign."""

    wait_first_s: float = 5.0
    """Between two looks of a state machine at a job that has just begun."""

    wait_longest_s: float = 60.0
    """Between two looks at a job that has run for ten times as long."""

    job_deadline_s: float = 86_400.0
    """A job that has not ended by then expires."""

    batch_frames: int = 64
    """Frames per frame batch, where neither job nor pipeline says."""

    signed_s: float = 3600.0
    """How long signed addresses hold."""

    idempotency_s: float = 86_400.0
    """How long the answer to an idempotency key is kept."""

    webhook_timeout_s: float = 20.0
    webhook_secret_overlap_s: float = 86_400.0
    """How long an earlier secret still signs."""

    def wait_s(self, age_s: float) -> int:
        """How long a state machine waits before it looks at a job again, in whole seconds.

        A history has 25,000 events and a look is nine of them: a day at 60 s fits, at 30 s not.
        """
        return round(min(self.wait_longest_s, max(self.wait_first_s, age_s / 10)))

    @property
    def heartbeat_s(self) -> float:
        """How often a worker says that it lives: three may be lost."""
        return self.lease_s / 4
