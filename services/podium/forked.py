"""Runs a function in a forked process, which begins with the memory of this one.

For work in Python beside other work in Python, which threads do in turns. A lock that another
thread holds while this one forks stays locked in the fork, so that thread must be at rest. Only
Linux forks safely.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Generic, Self, TypeVar, cast

T = TypeVar("T")

_CHECKED_S = 0.1


class Forked(Generic[T]):
    """A function in a forked process, which is ended at the end of the block.

    The process also ends with this one, and by SIGTERM. SIGINT of the terminal is left to this one.

    Args:
        work: The function; its result or its error is pickled.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        context = multiprocessing.get_context("fork")
        self._answers, answer = context.Pipe(duplex=False)
        self._process = context.Process(target=_run, args=(work, answer))
        self._process.start()
        answer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def result(self, check: Callable[[], None] = lambda: None) -> T:
        """Wait for the result of the function, or raise its error.

        Args:
            check: Called while waiting; ends the waiting by raising.

        Raises:
            ChildProcessError: the process was killed.
        """
        while not self._answers.poll(_CHECKED_S):
            check()
        try:
            failed, value = self._answers.recv()
        except EOFError:
            self._process.join()
            code = self._process.exitcode
            raise ChildProcessError(f"a process of this run was ended (exit code {code})") from None
        if failed:
            raise value
        return cast(T, value)

    def stop(self) -> None:
        """End the process, and wait for its end."""
        self._process.terminate()
        self._process.join()


def _run(work: Callable[[], object], answer: Connection) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    try:
        said: tuple[bool, object] = (False, work())
    except BaseException as error:
        said = (True, error.with_traceback(None))  # lets go of all that its frames hold
    answer.send(said)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
