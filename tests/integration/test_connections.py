"""Keep-alive connections against a server that answers in every way that HTTP/1.1 knows."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from podium.serving.calling.connections import AnswerLostError, ConnectError, Connections
from tests.support.waiting import until

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HELLO = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nX-Said: Hello\r\n\r\nhello"


class Server:
    """Answers each request with what the test says, and counts connections."""

    def __init__(self, answer: bytes | Answer) -> None:
        self.answer = answer
        self.connections = 0
        self.requests: list[tuple[bytes, bytes]] = []  # head, body
        self.ended = asyncio.Event()
        self.origin = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
                if callable(self.answer):
                    await self.answer(reader, writer)
                    continue
                self.requests.append((head, await reader.readexactly(length)))
                writer.write(self.answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.ended.set()
            writer.close()


@asynccontextmanager
async def listening(answer: bytes | Answer) -> AsyncIterator[tuple[Server, Connections]]:
    server = Server(answer)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.origin = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with Connections() as connections:
        yield server, connections
    listener.close()


async def test_one_connection_serves_calls_one_after_the_other():
    async with listening(HELLO) as (server, connections):
        for number in range(3):
            parts = [b"part ", memoryview(b"by part "), str(number).encode()]
            answer = await connections.call("POST", server.origin, "/x", {"a": "b"}, parts)
            assert (answer.status, answer.body) == (200, b"hello")
            assert answer.headers["x-said"] == "Hello"
        assert server.connections == 1
        head, body = server.requests[-1]
        assert head.startswith(b"POST /x HTTP/1.1\r\nhost: 127.0.0.1:")
        assert b"\r\na: b\r\n" in head
        assert body == b"part by part 2"


async def test_calls_at_the_same_time_have_connections_of_their_own():
    async def slowly(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        writer.write(HELLO)

    async with listening(slowly) as (server, connections):
        asked = [connections.call("GET", server.origin, "/", {}) for _ in range(4)]
        assert [answer.body for answer in await asyncio.gather(*asked)] == [b"hello"] * 4
        assert server.connections == 4
        await connections.call("GET", server.origin, "/", {})
        assert server.connections == 4


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
            b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            b"abcde",
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + HELLO, b"hello"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b""),
    ],
    ids=["chunked", "after an interim answer", "empty"],
)
async def test_forms_of_answers(answer: bytes, body: bytes):
    async with listening(answer) as (server, connections):
        for _ in range(2):
            assert (await connections.call("GET", server.origin, "/", {})).body == body
        assert server.connections == 1


@pytest.mark.parametrize("closing", [b"", b"connection: close\r\n"], ids=["idle", "closed"])
async def test_a_connection_keeps_nothing_of_its_last_answer(closing: bytes):
    size = 8 << 20
    head = b"HTTP/1.1 200 OK\r\n" + closing + b"content-length: %d\r\n\r\n" % size
    async with listening(head + bytes(size)) as (server, connections):
        gc.disable()  # in a service it passes too seldom to rely on
        tracemalloc.start()
        try:
            assert len((await connections.call("GET", server.origin, "/", {})).body) == size
            await asyncio.sleep(0.05)
            assert tracemalloc.get_traced_memory()[0] < size / 2
        finally:
            tracemalloc.stop()
            gc.enable()


async def test_an_answer_that_ends_the_connection_is_whole_and_the_next_call_opens_one():
    closing = b"HTTP/1.1 503 Busy\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno"
    async with listening(closing) as (server, connections):
        for _ in range(2):
            answer = await connections.call("GET", server.origin, "/", {})
            assert (answer.status, answer.body) == (503, b"no")
        assert server.connections == 2


async def test_a_connection_whose_request_was_not_read_is_not_used_again():
    async def early(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 413 Too large\r\ncontent-length: 0\r\n\r\n")
        await asyncio.sleep(0.2)

    async with listening(early) as (server, connections):
        for _ in range(2):
            body = [bytes(64 << 20)]
            assert (await connections.call("POST", server.origin, "/", {}, body)).status == 413
        assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b""],
    ids=["cut off", "not HTTP", "nothing"],
)
async def test_an_answer_that_is_lost_is_told_from_no_connection(answer: bytes):
    async def then_close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    async with listening(then_close) as (server, connections):
        with pytest.raises(AnswerLostError):
            await connections.call("GET", server.origin, "/", {})
    async with Connections() as connections:
        with pytest.raises(ConnectError, match="refused"):
            await connections.call("GET", server.origin, "/", {})
    with pytest.raises(ConnectError, match="shutting down"):
        await connections.call("GET", server.origin, "/", {})


async def test_an_idle_connection_that_the_server_has_closed_is_not_used():
    async def once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HELLO)
        writer.close()

    async with listening(once) as (server, connections):
        for number in range(3):
            answer = await connections.call("GET", server.origin, "/", {})
            assert answer.body == b"hello"
            await asyncio.sleep(0.05)
            assert server.connections == number + 1


async def test_cancelling_a_call_closes_its_connection():
    async def never(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)

    async with listening(never) as (server, connections):
        call = asyncio.create_task(connections.call("GET", server.origin, "/", {}))
        await until(lambda: server.connections == 1)
        call.cancel()
        async with asyncio.timeout(60):
            await server.ended.wait()
        assert call.cancelled()


async def asked(origin: str, connections: Connections) -> bytes:
    answer = await connections.call("POST", origin, "/", {}, [b"part ", b"two"], asks_first=True)
    return answer.body


async def test_a_body_that_is_asked_for():
    async def asks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert len(reader._buffer) == 0, "nothing but the head was sent"  # type: ignore[attr-defined]
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await reader.readexactly(8)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n" + body)

    async with listening(asks) as (server, connections):
        for _ in range(2):
            assert await asked(server.origin, connections) == b"part two"
        assert server.connections == 1


async def test_a_server_that_never_asks_gets_the_body_after_a_moment(monkeypatch):
    monkeypatch.setattr("podium.serving.calling.connections._CONTINUE_S", 0.05)
    async with listening(HELLO) as (server, connections):
        assert await asked(server.origin, connections) == b"hello"
        head, body = server.requests[-1]
        assert b"\r\nexpect: 100-continue\r\n" in head
        assert body == b"part two"


async def test_an_answer_before_the_body_leaves_no_connection_that_waits_for_it():
    async def refuses(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 429 Too Many\r\ncontent-length: 2\r\n\r\nno")

    async with listening(refuses) as (server, connections):
        for _ in range(2):
            assert await asked(server.origin, connections) == b"no"
        assert server.connections == 2


@pytest.mark.parametrize("asks", [False, True])
async def test_work_that_was_not_asked_for_was_not_begun(asks):
    async def leaves(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if asks:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await asyncio.sleep(0.05)
        writer.transport.abort()

    async with listening(leaves) as (server, connections):
        with pytest.raises(AnswerLostError if asks else ConnectError):
            await asked(server.origin, connections)
