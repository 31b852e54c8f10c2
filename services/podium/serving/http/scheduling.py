"""Tells the kernel how to share the processors among the services of a machine."""

from __future__ import annotations

import os
from contextlib import suppress


def finish_before_others() -> None:
    """Run under SCHED_BATCH of sched(7), so that processes that wake up do not preempt this one.

    A frame passes through several processes; each wakes the next one and then has a little work
    left. By the default policy the woken process preempts it at once and evicts its caches.
    Threads that are started later inherit the policy. If the system lacks or refuses it, nothing
    changes.
    """
    if hasattr(os, "SCHED_BATCH"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
