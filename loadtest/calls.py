"""What the users remember of each call."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

_NUMBER = re.compile(r"\d+(\.\d+)?")
_REASON_LENGTH = 80


class Call(NamedTuple):
    """One call, with all its attempts."""

    ended_s: float  # Unix time
    user: str
    tier: str
    endpoint: str
    latency_ms: float  # until the last byte of the last attempt, waits and refusals included
    answer_ms: float  # of the last attempt alone
    first_ms: float  # of the last attempt, until its first frame; where answers are streamed
    frames: int  # answered
    code: int  # HTTP status of the last attempt; 0: no answer
    failure: str  # why the call failed; empty: it did not
    refusals: tuple[int, ...] = ()  # statuses of the attempts before the last
    on_time: bool = True  # within the target of its user
    skipped: int = 0  # frames of a live camera that were not sent, because this call took too long

    @property
    def pipeline(self) -> str:
        """The name in its path, which the gateways' metrics call the model."""
        return self.endpoint.split("/")[3]


def reason(message: str) -> str:
    """A message without what differs from one request to the next, so that it can be counted."""
    return _NUMBER.sub("#", message)[:_REASON_LENGTH].strip()


def failures(calls: Iterable[Call]) -> Counter[tuple[str, int, str]]:
    """(user, code, why) -> how many calls failed in the end."""
    return Counter((call.user, call.code, call.failure) for call in calls if call.failure)


def refusals(calls: Iterable[Call]) -> Counter[tuple[str, int]]:
    """(user, code) -> how many attempts were refused and made again."""
    return Counter((call.user, code) for call in calls for code in call.refusals)
