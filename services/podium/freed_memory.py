"""Memory that was freed, given back to the system."""

from __future__ import annotations

import ctypes
from contextlib import suppress


def give_back() -> None:
    """Return what the allocator keeps for later; some milliseconds after large work.

    Services let glibc keep up to 1 GiB (``MALLOC_TRIM_THRESHOLD_``), because requests take and
    free it all the time. After work that takes gigabytes once, others need them.
    """
    with suppress(AttributeError, OSError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)
