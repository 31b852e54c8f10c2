"""A network between a client and a replica that is slow, loses connections, or swallows all."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

_PIECE_BYTES = 16 << 10


@dataclass
class TcpProxy:
    """Forwards connections of loopback to ``backend``, as its attributes say at that moment.

    Attributes:
        backend: Base URL of what is behind it.
        delay_s: What every piece waits before it goes on, each way.
        bytes_per_s: How fast a connection is, each way.
        cut_after: Bytes of answers after which the next connections break, one entry for each.
        black_hole: Whether it takes everything and passes nothing on.
        connections: How many there have been.
        cuts: How many of them were broken.
    """

    backend: str
    delay_s: float = 0.0
    bytes_per_s: float = float("inf")
    cut_after: list[int] = field(default_factory=list)
    black_hole: bool = False
    connections: int = 0
    cuts: int = 0
    url: str = ""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        address = urlsplit(self.backend)
        behind, beyond = await asyncio.open_connection(address.hostname, address.port)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass_on(reader, beyond, answers=False))
                both.create_task(self._pass_on(behind, writer, answers=True))
        except* (ConnectionError, _Ended):
            pass
        finally:
            writer.transport.abort()
            beyond.transport.abort()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        passed = 0
        while piece := await reader.read(_PIECE_BYTES):
            await asyncio.sleep(self.delay_s + len(piece) / self.bytes_per_s)
            if self.black_hole:
                continue
            if answers and self.cut_after and passed + len(piece) > self.cut_after[0]:
                writer.write(piece[: self.cut_after.pop(0) - passed])
                await writer.drain()
                self.cuts += 1
                break
            writer.write(piece)
            await writer.drain()
            passed += len(piece)
        raise _Ended


class _Ended(Exception):
    """One side has closed; so is the other."""
