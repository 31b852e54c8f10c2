"""Pauses before another try: exponential, with jitter that keeps callers apart."""

from __future__ import annotations

import random


def backoff_s(
    failures: int, *, first_s: float, longest_s: float, least_s: float = 0.0, told_s: float = 0.0
) -> float:
    """A random pause of at most ``first_s * 2**failures``: full jitter (Brooker, 2015).

    Args:
        failures: How often it has failed.
        first_s: Where the longest pause begins.
        longest_s: Where it ends.
        least_s: No pause is shorter.
        told_s: When the other side says that it will be there again: the pause may then be as long
            as that, up to ``longest_s``.
    """
    ceiling = min(longest_s, max(first_s * 2 ** min(failures, 30), told_s))
    return random.uniform(min(least_s, ceiling), ceiling)  # noqa: S311 - jitter, not a secret
