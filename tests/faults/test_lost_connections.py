"""The gateway's client and replicas that die, are full, or are slow, over real sockets."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import numpy as np
import pytest

from podium.errors import DeadlineExceeded, Unprocessable
from podium.serving.calling.client import OipClient
from podium.serving.calling.connections import Connections
from podium.serving.calling.endpoints import StaticEndpoints
from podium.serving.calling.joined_calls import Company, JoinedCalls
from podium.serving.observing.deadline import time_limit
from podium.serving.observing.telemetry import Metrics
from podium.wire import InferRequest, InferResult, read_request, write_response
from tests.support.waiting import until

CALLS = 200


class Replica:
    """An OIP server in a few lines that can die, hold its answers, or refuse."""

    def __init__(self, dies_of: float | None = None) -> None:
        self.waiting: list[asyncio.StreamWriter] = []
        self.held = asyncio.Event()
        self.held.set()
        self.refusals = 0
        self.answered = 0
        self.dies_of = dies_of
        self.dead = False
        self._server: asyncio.Server | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def die(self) -> None:
        """Every connection is reset and none is accepted any more."""
        self._server.close()
        for writer in self.waiting:
            writer.transport.abort()

    async def stop(self) -> None:
        """Die, and let every handler end."""
        self.die()
        self.held.set()
        await asyncio.gather(*self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.append(asyncio.current_task())
        self.waiting.append(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                fields = dict(
                    line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line
                )
                body = await reader.readexactly(int(fields[b"content-length"]))
                await self.held.wait()
                length = fields[b"inference-header-content-length"].decode()
                request = read_request(body, length)
                if request.inputs["x"][0] == self.dies_of:
                    self.dead = True
                    self.die()
                    return
                writer.write(self._answer(request))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, request: InferRequest) -> bytes:
        if self.refusals:
            self.refusals -= 1
            return b"HTTP/1.1 429 Full\r\nretry-after-ms: 1\r\ncontent-length: 0\r\n\r\n"
        self.answered += 1
        answer = write_response("m", "1", request, InferResult(dict(request.inputs)))
        head = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        return (
            f"HTTP/1.1 200 OK\r\n{head}content-length: {len(answer.data)}\r\n\r\n".encode()
            + answer.data
        )


@asynccontextmanager
async def some_replicas(count: int = 2, dies_of: float | None = None):
    replicas = [Replica(dies_of) for _ in range(count)]
    urls = [await replica.start() for replica in replicas]
    async with Connections() as pool:
        yield replicas, urls, OipClient(pool, "pose2d", StaticEndpoints(urls))
    for replica in replicas:
        await replica.stop()


async def ask(client: OipClient | JoinedCalls, number: float, address: str | None = None) -> float:
    result = await client.infer("m", {"x": np.full(1, number, np.float32)}, address=address)
    return float(result.outputs["x"][0])


async def test_however_many_calls_a_dying_replica_has_none_is_lost():
    async with some_replicas() as (replicas, _, client):
        for replica in replicas:
            replica.held.clear()
        calls = [asyncio.create_task(ask(client, number)) for number in range(CALLS)]
        await until(lambda: sum(len(replica.waiting) for replica in replicas) == CALLS)
        replicas[0].die()
        replicas[1].held.set()
        assert await asyncio.gather(*calls) == list(range(CALLS))
        assert replicas[1].answered == CALLS


async def test_a_request_that_kills_is_not_passed_on_to_every_replica():
    async with some_replicas(5, dies_of=13.0) as (replicas, _, client):
        with pytest.raises(Unprocessable, match="2 replicas were lost while they worked on this"):
            await ask(client, 13)
        assert sum(replica.dead for replica in replicas) == 2
        assert [await ask(client, number) for number in range(10)] == list(range(10))


async def test_a_request_that_kills_among_others_kills_no_more():
    async with some_replicas(5, dies_of=13.0) as (replicas, _, client):
        company = Company()
        company.size = 40  # eight for each replica: four calls are joined
        joined = JoinedCalls(client, company, Metrics("gateway").calls("pose2d"), longest_s=60)
        asked = (ask(joined, number) for number in (13, 1, 2, 3))
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert isinstance(outcomes[0], Unprocessable)
        assert sum(replica.dead for replica in replicas) == 2


async def test_a_call_that_only_one_replica_can_answer_waits_while_that_one_is_full():
    async with some_replicas() as (replicas, urls, client):
        replicas[1].refusals = 2
        assert await ask(client, 7, address=urls[1]) == 7
        assert (replicas[0].answered, replicas[1].answered) == (0, 1)


async def test_short_budgets_do_not_make_healthy_replicas_look_hung():
    async with some_replicas() as (replicas, urls, client):
        for replica in replicas:
            replica.held.clear()
        for number in range(6):
            with pytest.raises(DeadlineExceeded):
                async with time_limit(0.05, "caller"):
                    await ask(client, number)
        for replica in replicas:
            replica.held.set()
        both = [client.balancer._choose([url]).address for url in urls]
        assert sorted(both) == sorted(urls)
