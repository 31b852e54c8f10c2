"""The open files of a process."""

from __future__ import annotations

from pathlib import Path


def open_files() -> int:
    """How many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))
