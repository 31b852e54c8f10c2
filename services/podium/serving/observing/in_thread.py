"""Awaits work in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from operator import methodcaller
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(
    executor: Executor, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run ``fn`` in a thread of ``executor``; returns what it returns, raises what it raises.

    It returns once the executor has done with the work, what it counts of it included. If the
    caller is cancelled before the work begins, it is not done. The event loop's own
    ``run_in_executor`` leaves each result in a cycle of futures, which keeps megabytes of images
    until the garbage collector runs.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    waiting = [done]
    outcome: list[Callable[[asyncio.Future[T]], None]] = []

    def work() -> None:
        try:
            outcome.append(methodcaller("set_result", fn(*args, **kwargs)))
        except BaseException as error:
            outcome.append(methodcaller("set_exception", error))

    def deliver() -> None:
        if outcome:
            settle = outcome.pop()
            if waiting and not waiting[0].done():
                settle(waiting[0])

    def ended(_: Future[None]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(deliver)

    submitted = executor.submit(work)
    submitted.add_done_callback(ended)
    try:
        return await done
    except asyncio.CancelledError:
        submitted.cancel()
        raise
    finally:
        # The traceback of an error leads to ``work``, and so to the list that has the error:
        # another such cycle, with the body of the request in it.
        waiting.clear()
        del done
