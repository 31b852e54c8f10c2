"""A common deadline for all attempts of a call, for urllib3's timeouts and retries."""

from __future__ import annotations

import time
from typing import Any, Self

import urllib3

_LEAST_S = 1.0


class Deadline:
    """A time, ``seconds`` from now."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    @property
    def left_s(self) -> float:
        """Seconds left; 0 afterwards."""
        return max(0.0, self._at - time.monotonic())


class TimeoutUntil(urllib3.Timeout):
    """Timeouts of one attempt; urllib3 clones them from this when the attempt begins."""

    def __init__(self, end: Deadline, *, connect: float) -> None:
        super().__init__(connect=connect)
        self._longest_connect_s, self._end = connect, end

    def clone(self) -> urllib3.Timeout:
        left_s = max(0.001, self._end.left_s)
        return urllib3.Timeout(connect=min(self._longest_connect_s, left_s), read=left_s)


class RetryUntil(urllib3.Retry):
    """Retries while the time left is enough for the pause and one more second."""

    def __init__(self, *args: Any, end: Deadline, **options: Any) -> None:
        super().__init__(*args, **options)
        self._end = end

    def new(self, **changes: Any) -> Self:
        return super().new(end=self._end, **changes)

    def is_exhausted(self) -> bool:
        return super().is_exhausted() or self._end.left_s < self.get_backoff_time() + _LEAST_S

    def get_retry_after(self, response: urllib3.BaseHTTPResponse) -> float | None:
        asked = super().get_retry_after(response)
        return None if asked is None else min(asked, max(0.0, self._end.left_s - _LEAST_S))
