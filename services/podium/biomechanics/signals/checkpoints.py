"""Where long computations look whether they are still wanted.

A thread cannot be stopped from outside. So whoever starts a computation says what is to be called
in its loops, and what that raises ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_check: ContextVar[Callable[[], None]] = ContextVar("check", default=lambda: None)


def checkpoint() -> None:
    """Called in loops that may take long: raises what ends the computation."""
    _check.get()()


@contextmanager
def checked_by(check: Callable[[], None]) -> Iterator[None]:
    """Have ``check`` called at the checkpoints of this thread inside the block."""
    before = _check.set(check)
    try:
        yield
    finally:
        _check.reset(before)
