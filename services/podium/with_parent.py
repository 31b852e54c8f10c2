"""Makes a process end when its parent ends, even if the parent is killed."""

from __future__ import annotations

import os
import signal
import threading

WITH_PARENT = "--with-parent"
"""Argument that makes a process stop when its standard input is closed."""


def stop_with_parent() -> None:
    """Send SIGTERM to this process when its standard input ends: the parent holds the other end."""
    threading.Thread(target=_wait, name="parent", daemon=True).start()


def _wait() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
