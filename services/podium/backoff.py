"""Pauses between retries: exponential, with jitter."""

from __future__ import annotations

import random


def backoff_s(
    failures: int, *, first_s: float, longest_s: float, least_s: float = 0.0, told_s: float = 0.0
) -> float:
    """A random pause of at most ``first_s * 2**failures``: full jitter (Brooker, 2015).

    Args:
        failures: Number of failures so far.
        first_s: Upper bound of the first pause.
        longest_s: Largest upper bound.
        least_s: Lower bound of all pauses.
        told_s: ``Retry-After`` of the other side: raises the upper bound to this, up to
            ``longest_s``.
    """
    ceiling = min(longest_s, max(first_s * 2 ** min(failures, 30), told_s))
    return random.uniform(min(least_s, ceiling), ceiling)  # noqa: S311 - jitter, not a secret
