"""How many files this process may have open."""

from __future__ import annotations

import resource
from contextlib import suppress


def allow_most_open_files() -> None:
    """Allow as many as the system does: 1024, the usual limit, are soon taken by connections.

    Decode also has two open for each block of frames that it keeps.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # macOS calls them unlimited, and refuses that
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
