"""Runs an event loop on its own thread, for synchronous callers.

Also works where a loop is running already, as in notebooks. Callbacks run in the caller's thread.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any, TypeVar

from podium.errors import InvalidInput

T = TypeVar("T")
_STOP_S = 5.0


class LoopThread:
    """The loop; it ends at ``stop``, at garbage collection, or with the program.

    Args:
        close: Called in the loop before it ends. It must not refer to this object.
    """

    def __init__(self, close: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=_run, args=(self._loop,), name="podium", daemon=True)
        self._thread.start()
        self._end = weakref.finalize(self, _end, self._loop, self._thread, close)

    def stop(self) -> None:
        """End the thread; a second time does nothing."""
        self._end()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine and return its result; Ctrl-C cancels it. Raises what it raises."""
        if self._loop.is_closed():
            work.close()  # which nobody will run
        return self.run_told(lambda _: work)

    def run_told(self, begin: Callable[[Relay], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine whose callbacks run in this thread; returns its result.

        Args:
            begin: Makes the coroutine; its argument wraps callbacks to run in this thread.

        Raises:
            InvalidInput: the loop has been stopped.
        """
        if self._loop.is_closed():
            raise InvalidInput("this client has been closed")
        calls: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()

        def relay(function: Callable[..., object]) -> Callable[..., None]:
            return lambda *arguments: calls.put(lambda: function(*arguments))

        async def told() -> T:
            try:
                return await begin(relay)
            finally:
                calls.put(None)

        future = asyncio.run_coroutine_threadsafe(told(), self._loop)
        try:
            while (function := calls.get()) is not None:
                function()
        except BaseException:  # of a function, or Ctrl-C
            future.cancel()
            with suppress(queue.Empty):  # it lets go of what it has open
                while calls.get(timeout=_STOP_S) is not None:
                    pass
            raise
        return future.result()

    def iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        """Iterate over an asynchronous iterator. Raises what it raises."""

        async def following() -> T:
            return await anext(items)

        try:
            while True:
                try:
                    yield self.run(following())
                except StopAsyncIteration:
                    return
        finally:
            close = getattr(items, "aclose", None)
            if close is not None and not self._loop.is_closed():
                self.run(close())


Relay = Callable[[Callable[..., object]], Callable[..., None]]


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """Run the loop, and close it here: it may be ended from its own thread."""
    try:
        loop.run_forever()
    finally:
        loop.close()


def _end(
    loop: asyncio.AbstractEventLoop,
    thread: threading.Thread,
    close: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    async def ending() -> None:
        try:
            await close()
            await asyncio.sleep(0)  # connections say good-bye
        finally:
            loop.stop()

    asyncio.run_coroutine_threadsafe(ending(), loop)
    if threading.current_thread() is not thread:  # garbage is collected in any thread
        thread.join(_STOP_S)
