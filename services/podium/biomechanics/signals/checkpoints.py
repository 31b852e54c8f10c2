"""Cancellation of long computations.

A thread cannot be stopped from outside. So the caller of a computation sets a function, which the
loops of the computation call; an exception that it raises ends the computation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_check: ContextVar[Callable[[], None]] = ContextVar("check", default=lambda: None)


def checkpoint() -> None:
    """Call the function that was set; loops that may take long call this."""
    _check.get()()


@contextmanager
def checked_by(check: Callable[[], None]) -> Iterator[None]:
    """Set the function that checkpoints in this block and thread call; it raises to cancel."""
    before = _check.set(check)
    try:
        yield
    finally:
        _check.reset(before)
