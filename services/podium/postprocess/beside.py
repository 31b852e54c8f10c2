"""Work beside measuring: in a thread, or in a fork of this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TypeVar

from pydantic import TypeAdapter

from podium.forked import Forked
from podium.short_turns import SHORT_TURNS

T = TypeVar("T")
Check = Callable[[], None]
"""Called between steps of work; ends it by raising."""

Beside = Callable[[Callable[[Check], T], Check], AbstractContextManager[Callable[[], T]]]
"""Begins work, and gives what waits for its result. The work ends with the block."""


@contextmanager
def in_thread(work: Callable[[Check], T], check: Check) -> Iterator[Callable[[], T]]:
    """In a thread: codecs and OpenCV work while Python measures."""
    stop = threading.Event()

    def check_both() -> None:
        check()
        if stop.is_set():
            raise CancelledError

    with SHORT_TURNS, ThreadPoolExecutor(1, thread_name_prefix="beside") as executor:
        done = executor.submit(work, check_both)
        try:
            yield done.result
        except BaseException:
            stop.set()
            raise


def in_fork(form: type[T]) -> Beside[T]:
    """In a forked process, which never waits for the interpreter's lock.

    Args:
        form: The type of the result, which Pydantic writes as JSON and reads.
    """

    @contextmanager
    def begin(work: Callable[[Check], T], check: Check) -> Iterator[Callable[[], T]]:
        with Forked(partial(work, lambda: None), TypeAdapter(form)) as forked:
            yield partial(forked.result, check)

    return begin
