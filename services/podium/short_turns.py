"""Short turns of threads, where one is busy with Python and others call into codecs and engines.

A thread that calls into OpenCV, a codec or an engine lets go of the interpreter's lock, and then
waits for it up to a turn of 5 ms of the busy thread. An overlay has dozens of such calls a frame,
so it came after the measures instead of beside them.
"""

from __future__ import annotations

import sys
import threading
from types import TracebackType

_TURN_S = 0.0002


class ShortTurns:
    """Turns are short while any thread is in a block of this context manager."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks = 0
        self._usual_s = sys.getswitchinterval()

    def __enter__(self) -> None:
        with self._lock:
            if not self._blocks:
                self._usual_s = sys.getswitchinterval()
                sys.setswitchinterval(_TURN_S)
            self._blocks += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        with self._lock:
            self._blocks -= 1
            if not self._blocks:
                sys.setswitchinterval(self._usual_s)


SHORT_TURNS = ShortTurns()
"""That of this process: the interval belongs to the interpreter."""
