"""Passes a request body in pieces to a function in a thread, and reads on if it is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import anyio

from podium.errors import PodiumError, RequestTimeout

T = TypeVar("T")

_PIECE_BYTES = 1 << 20
_AHEAD = 2
_DISCARD_S = 10.0
"""How long the rest of a refused body is read, so that a client that sends first sees why."""


@asynccontextmanager
async def heard(stream: AsyncIterator[bytes]) -> AsyncIterator[None]:
    """Reads on for a while when the block refuses a body, so that its client hears why.

    Args:
        stream: The body.
    """
    try:
        yield
    except PodiumError:
        with suppress(TimeoutError):
            async with asyncio.timeout(_DISCARD_S):
                async for _ in stream:
                    pass
        raise


async def in_thread(
    stream: AsyncIterator[bytes],
    work: Callable[[Iterator[bytes]], T],
    threads: anyio.CapacityLimiter,
) -> T:
    """Run a function on the pieces of a body in a thread while it arrives; holds a few MB.

    Args:
        stream: The body.
        work: Reads the pieces, all or some.
        threads: How many there may be. They wait for clients, so others must not need them.

    Raises:
        Exception: raised by ``work`` or by reading the body.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(_AHEAD)

    def pieces() -> Iterator[bytes]:
        while (piece := asyncio.run_coroutine_threadsafe(queue.get(), loop).result()) is not None:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    worker = asyncio.ensure_future(anyio.to_thread.run_sync(work, pieces(), limiter=threads))
    feeder = asyncio.create_task(_feed(stream, queue, worker))
    try:
        result = await asyncio.shield(worker)
        feeder.cancel()
        return result
    except Exception:
        _empty(queue)
        with suppress(TimeoutError):
            await asyncio.wait_for(feeder, _DISCARD_S)
        raise
    finally:
        feeder.cancel()
        if not worker.done():  # the client has gone
            _empty(queue)
            queue.put_nowait(RequestTimeout("the client has gone"))
            worker.add_done_callback(_ignore)


async def _feed(
    stream: AsyncIterator[bytes],
    queue: asyncio.Queue[bytes | Exception | None],
    worker: asyncio.Future[T],
) -> None:
    held, size = [], 0
    try:
        async for piece in stream:
            if worker.done():
                continue  # thrown away
            held.append(piece)
            size += len(piece)
            if size >= _PIECE_BYTES:
                await queue.put(b"".join(held))
                held, size = [], 0
        if held and not worker.done():
            await queue.put(b"".join(held))
        if not worker.done():
            await queue.put(None)
    except Exception as error:
        if not worker.done():
            await queue.put(error)


def _empty(queue: asyncio.Queue[bytes | Exception | None]) -> None:
    while not queue.empty():
        queue.get_nowait()


def _ignore(worker: asyncio.Future[T]) -> None:
    if not worker.cancelled():
        worker.exception()
