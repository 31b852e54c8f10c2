"""Waiting for a condition instead of for a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PERIOD_S = 0.005


async def until(condition: Callable[[], bool], within_s: float = 60.0) -> None:
    """Wait for a condition on the event loop; fail if it does not come."""
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "never happened"
        await asyncio.sleep(PERIOD_S)


def blocking_until(condition: Callable[[], bool], within_s: float = 60.0) -> None:
    """Wait for a condition in a thread; fail if it does not come."""
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "never happened"
        time.sleep(PERIOD_S)
