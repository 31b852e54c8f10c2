"""Records of the users' calls."""

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
    latency_ms: float  # until the last byte of the last attempt, including waits and refusals
    answer_ms: float  # only the last attempt
    first_ms: float  # of the last attempt until its first frame, if answers are streamed
    frames: int  # frames in the answer
    code: int  # HTTP status of the last attempt; 0: no answer
    failure: str  # why the call failed; empty: it succeeded
    refusals: tuple[int, ...] = ()  # statuses of the attempts before the last
    on_time: bool = True  # within the target of its user
    skipped: int = 0  # frames of a live camera that were not sent, because this call took too long

    @property
    def pipeline(self) -> str:
        """The name in its path, which the gateways' metrics call the model."""
        return self.endpoint.split("/")[3]


def reason(message: str) -> str:
    """A message without the parts that vary between requests, so that it can be counted."""
    return _NUMBER.sub("#", message)[:_REASON_LENGTH].strip()


def failures(calls: Iterable[Call]) -> Counter[tuple[str, int, str]]:
    """(user, code, reason) -> number of calls that failed finally."""
    return Counter((call.user, call.code, call.failure) for call in calls if call.failure)


def refusals(calls: Iterable[Call]) -> Counter[tuple[str, int]]:
    """(user, code) -> number of attempts that were refused and retried."""
    return Counter((call.user, code) for call in calls for code in call.refusals)
