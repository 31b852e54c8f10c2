"""Runs a function in a forked process, which begins with the memory of this one.

For work in Python beside other work in Python, which threads do in turns. A lock that another
thread holds while this one forks stays locked in the fork, so that thread must be at rest. Only
Linux forks safely.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Generic, Self, TypeVar

from pydantic import TypeAdapter

from podium import errors

T = TypeVar("T")

_CHECKED_S = 0.1
_ERRORS: dict[str, type[errors.PodiumError]] = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.PodiumError)
}


class Forked(Generic[T]):
    """A function in a forked process, which is ended at the end of the block.

    The process also ends with this one, and by SIGTERM. SIGINT of the terminal is left to this one.

    Args:
        work: The function.
        form: How its result is written as JSON, and read.
    """

    def __init__(self, work: Callable[[], T], form: TypeAdapter[T]) -> None:
        context = multiprocessing.get_context("fork")
        self._answers, answer = context.Pipe(duplex=False)
        self._form = form
        self._process = context.Process(target=_run, args=(work, form, answer))
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
            PodiumError, OSError: as the function raised them.
            ChildProcessError: the process was killed.
            RuntimeError: the function raised another error, which the message holds.
        """
        while not self._answers.poll(_CHECKED_S):
            check()
        try:
            kind, said = self._answers.recv_bytes().split(b"\n", 1)
        except EOFError:
            self._process.join()
            code = self._process.exitcode
            raise ChildProcessError(f"a process of this run was ended (exit code {code})") from None
        if kind != b"result":
            raise _error(kind.decode(), **json.loads(said))
        return self._form.validate_json(said)

    def stop(self) -> None:
        """End the process, and wait for its end."""
        self._process.terminate()
        self._process.join()


def _run(work: Callable[[], T], form: TypeAdapter[T], answer: Connection) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    try:
        said = b"result\n" + form.dump_json(work())
    except BaseException as error:
        kind, facts = _told(error)
        said = f"{kind}\n{json.dumps(facts)}".encode()
    answer.send_bytes(said)


def _told(error: BaseException) -> tuple[str, dict[str, str | int | None]]:
    """The kind of an error, and what ``_error`` takes for it."""
    if isinstance(error, errors.PodiumError):
        field = getattr(error, "field", None)
        message = error.message.removeprefix(f"{field}: ")
        return type(error).__name__, {"message": message, "field": field}
    if isinstance(error, OSError) and error.errno is not None:
        name = None if error.filename is None else str(error.filename)
        return "OSError", {"errno": error.errno, "message": error.strerror, "filename": name}
    return "", {"message": "".join(traceback.format_exception(error))}


def _error(
    kind: str,
    *,
    message: str,
    field: str | None = None,
    errno: int = 0,
    filename: str | None = None,
) -> Exception:
    if kind == "OSError":
        return OSError(errno, message, filename)
    raised = _ERRORS.get(kind)
    if raised is None:
        return RuntimeError(message)
    if field is not None and issubclass(raised, errors.InvalidInput):
        return raised(message, field=field)
    return raised(message)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
