"""Spreads calls over the replicas of a service and avoids those that fail."""

from __future__ import annotations

import random
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from podium.errors import Unavailable
from podium.serving.calling.endpoints import Endpoints

_EJECT_AFTER = 3  # failures in a row
_EJECT_S = 1.0  # doubles with every ejection in a row
_MAX_EJECT_S = 30.0
_HUNG_S = 1.0  # time without an answer to any caller


@dataclass(eq=False, slots=True)
class Replica:
    """One replica as its caller sees it."""

    address: str
    in_flight_rows: int = 0
    failures: int = 0  # in a row
    ejected_until: float = 0.0
    answered_at: float = 0.0


class Balancer:
    """Power of two choices on rows in flight, with outlier ejection.

    Two random replicas are compared and the less loaded one is taken, which is nearly as good as
    comparing all and does not herd (Mitzenmacher, IEEE TPDS 2001). A replica that fails three
    times in a row gets no calls for a second, and for twice as long after each further failure.

    Args:
        stage: Name that errors carry.
        endpoints: Where the replicas are.
    """

    def __init__(self, stage: str, endpoints: Endpoints) -> None:
        self._stage = stage
        self.endpoints = endpoints
        self._replicas: dict[str, Replica] = {}

    @contextmanager
    def pick(
        self, rows: int, avoid: Collection[str] = (), only: str | None = None
    ) -> Iterator[Replica]:
        """Choose a replica for a call of ``rows`` rows, which count as in flight in the block.

        Args:
            rows: Weight of the call.
            avoid: Addresses that have just failed; chosen only if there is no other.
            only: The one address to choose, whether it is known or not.

        Raises:
            Unavailable: there is no replica at all.
        """
        replica = self._replicas.get(only) or Replica(only) if only else self._choose(avoid)
        replica.in_flight_rows += rows
        try:
            yield replica
        finally:
            replica.in_flight_rows -= rows

    def _choose(self, avoid: Collection[str]) -> Replica:
        addresses = self.endpoints.addresses()
        if not addresses:
            raise Unavailable(f"{self._stage}: no replica is known")
        if len(addresses) == 1 and len(self._replicas) == 1 and addresses[0] in self._replicas:
            return self._replicas[addresses[0]]
        for gone in self._replicas.keys() - set(addresses):
            del self._replicas[gone]
        replicas = [self._replicas.setdefault(a, Replica(a)) for a in addresses]
        now = time.monotonic()
        healthy = [r for r in replicas if r.ejected_until <= now]
        untried = [r for r in replicas if r.address not in avoid]
        # An ejected replica may have recovered; one that has just failed this call has not.
        candidates = [r for r in healthy if r in untried] or untried or healthy or replicas
        pair = random.sample(candidates, min(2, len(candidates)))
        return min(pair, key=lambda r: r.in_flight_rows)

    @staticmethod
    def succeeded(replica: Replica) -> None:
        """Note that the replica answered, with success or an error."""
        replica.answered_at = time.monotonic()
        replica.failures = 0
        replica.ejected_until = 0.0

    @staticmethod
    def failed(replica: Replica) -> None:
        """Note that the replica did not answer, is broken or is shutting down."""
        replica.failures += 1
        if replica.failures >= _EJECT_AFTER:
            backoff = _EJECT_S * 2 ** min(replica.failures - _EJECT_AFTER, 10)
            replica.ejected_until = time.monotonic() + min(backoff, _MAX_EJECT_S)

    @classmethod
    def silent(cls, replica: Replica, since: float) -> None:
        """Note that a call that began at ``since`` timed out; a failure only if the replica hangs.

        A replica that answered other calls meanwhile is slow, perhaps overloaded: ejecting it
        would only move its load to the others. A timeout shorter than a second proves nothing.
        """
        if time.monotonic() - max(since, replica.answered_at) >= _HUNG_S:
            cls.failed(replica)


class RetryBudget:
    """Limits retries to a share of the calls, so that they cannot multiply a load.

    Args:
        share: Retries per first attempt.
        burst: Retries that are allowed at once after a quiet time.
    """

    def __init__(self, share: float = 0.2, burst: float = 20.0) -> None:
        self._share = share
        self._burst = burst
        self._tokens = burst

    def first_attempt(self) -> None:
        """Count a call."""
        self._tokens = min(self._burst, self._tokens + self._share)

    def may_retry(self) -> bool:
        """Take a retry out of the budget; False when it is empty."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
