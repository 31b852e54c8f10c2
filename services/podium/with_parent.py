"""A process that ends with the one that has started it, however that ends."""

from __future__ import annotations

import os
import signal
import threading

WITH_PARENT = "--with-parent"
"""Argument of a process that is to stop when its standard input is closed."""


def stop_with_parent() -> None:
    """Send this process SIGTERM when its standard input, whose other end the parent holds, ends."""
    threading.Thread(target=_wait, name="parent", daemon=True).start()


def _wait() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
