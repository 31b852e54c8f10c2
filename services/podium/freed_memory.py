"""Memory that was freed: kept for the next arrays, or given back to the system."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress

ALLOCATOR = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(8 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
"""Settings of glibc's malloc: threads share free memory, and up to 1 GiB of freed pages is kept, so
that frames up to 1080p reuse them (fresh pages cost 1 ms per MB); it lies in huge pages where the
system has them. docs/operations/processes.md has the same settings for containers."""

_OPTIONS = {  # of mallopt(3)
    "MALLOC_ARENA_MAX": -8,
    "MALLOC_MMAP_THRESHOLD_": -3,
    "MALLOC_TRIM_THRESHOLD_": -1,
}


def keep_freed() -> None:
    """Let this process keep what it frees, as ``ALLOCATOR`` says; before it starts threads.

    Variables in the environment have precedence.
    """
    with suppress(AttributeError, OSError):  # only glibc has it
        set_option = ctypes.CDLL(None).mallopt
        for name, option in _OPTIONS.items():
            if name not in os.environ:
                set_option(option, int(ALLOCATOR[name]))


def give_back() -> None:
    """Return what the allocator keeps for later; some milliseconds after large work.

    Services let glibc keep up to 1 GiB, because requests take and free it all the time. After work
    that takes gigabytes once, others need them.
    """
    with suppress(AttributeError, OSError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)
