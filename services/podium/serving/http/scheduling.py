"""How the kernel shares the processors among the services of a machine."""

from __future__ import annotations

import os
from contextlib import suppress


def finish_before_others() -> None:
    """Let no process that wakes up interrupt this one in its turn: SCHED_BATCH of sched(7).

    A frame passes several processes, each of which wakes the next one and then has a little left
    to do. By the default policy the woken one interrupts it at once, and comes back to find its
    caches taken. Threads that are started later have the same policy. Where the system has no such
    policy or does not allow it, nothing changes.
    """
    if hasattr(os, "SCHED_BATCH"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
