"""Awaits work in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(
    executor: Executor, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run ``fn`` in a thread of ``executor``; returns what it returns, raises what it raises.

    If the caller is cancelled before the work begins, it is not done. The event loop's own
    ``run_in_executor`` leaves each result in a cycle of futures, which keeps megabytes of images
    until the garbage collector runs.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    waiting = [done]

    def succeed(result: T) -> None:
        if waiting and not waiting[0].done():
            waiting[0].set_result(result)

    def fail(error: BaseException) -> None:
        if waiting and not waiting[0].done():
            waiting[0].set_exception(error)

    def work() -> None:
        try:
            result = fn(*args, **kwargs)
        except BaseException as error:
            loop.call_soon_threadsafe(fail, error)
        else:
            loop.call_soon_threadsafe(succeed, result)

    submitted = executor.submit(work)
    try:
        return await done
    except asyncio.CancelledError:
        submitted.cancel()
        raise
    finally:
        # The traceback of an error leads to ``work``, and so to the future that has the error:
        # another such cycle, with the body of the request in it.
        waiting.clear()
        del done
