"""Frame batches for the gateways, as clients behind a Kubernetes Service would send them."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import numpy as np
import orjson

from tests.support.waiting import until

BATCH_FRAMES = 4
PIPELINES = ("pose-2d", "pose-3d")
_PATIENCE_S = 20.0


@dataclass(frozen=True)
class Batch:
    """Consecutive frames of the clip, and what to do with them."""

    pipeline: str
    start: int


@dataclass
class Answer:
    """What a batch was answered with, at last."""

    batch: Batch
    status: int
    seconds: float
    body: dict[str, Any]
    headers: dict[str, str]
    moves: int  # times that it went to another gateway


@dataclass
class Client:
    """Asks the gateways in turn; one that is gone or leaving is left for the next."""

    session: aiohttp.ClientSession
    urls: Sequence[str]
    media: bytes
    _turn: Iterator[int] = field(default_factory=itertools.count)

    async def ask(self, batch: Batch, headers: dict[str, str] | None = None) -> Answer:
        started = time.monotonic()
        for moves in itertools.count():
            url = self.urls[next(self._turn) % len(self.urls)]
            try:
                status, body, answered = await self._post(url, batch, headers or {})
            except aiohttp.ClientConnectionError as error:
                status, body, answered = 503, {"error": repr(error)}, {}
            seconds = time.monotonic() - started
            if status != 503 or seconds > _PATIENCE_S:
                return Answer(batch, status, seconds, body, answered, moves)
            await asyncio.sleep(0.02)
        raise AssertionError("unreachable")

    async def _post(
        self, url: str, batch: Batch, headers: dict[str, str]
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        async with self.session.post(
            f"{url}/v1/pipelines/{batch.pipeline}",
            params={"start": batch.start, "count": BATCH_FRAMES},
            data=self.media,
            headers={"content-type": "video/mp4", **headers},
        ) as response:
            body = orjson.loads(await response.read())
            return response.status, body, {k.lower(): v for k, v in response.headers.items()}


@asynccontextmanager
async def client_of(urls: Sequence[str], media: bytes) -> AsyncIterator[Client]:
    """A client with connections of its own."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Client(session, urls, media)


@dataclass
class Load:
    """Keeps ``concurrency`` batches in flight until told to stop."""

    client: Client
    batches: Iterator[Batch]
    concurrency: int
    answers: list[Answer] = field(default_factory=list)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> list[Answer]:
        await asyncio.gather(*(self._worker() for _ in range(self.concurrency)))
        return self.answers

    async def until(self, count: int) -> None:
        """Wait for so many more answers."""
        target = len(self.answers) + count
        await until(lambda: len(self.answers) >= target)

    async def _worker(self) -> None:
        while not self.stopping.is_set():
            self.answers.append(await self.client.ask(next(self.batches)))


def poses(body: dict[str, Any]) -> dict[int, list[np.ndarray]]:
    """Frame -> key points of its persons, in the picture and (where there are) in metres."""
    return {
        frame["index"]: [
            np.hstack([p["keypoints"], p["keypoints_3d"] or np.zeros((len(p["keypoints"]), 0))])
            for p in frame["persons"]
        ]
        for frame in body["frames"]
    }


def difference(a: dict[str, Any], b: dict[str, Any]) -> float:
    """The largest difference of any coordinate; infinite where frames or persons differ."""
    first, second = poses(a), poses(b)
    if [(n, len(p)) for n, p in first.items()] != [(n, len(p)) for n, p in second.items()]:
        return float("inf")
    return max(
        (
            float(np.abs(mine - theirs).max())
            for index in first
            for mine, theirs in zip(first[index], second[index], strict=True)
        ),
        default=0.0,
    )


def percentile_s(answers: Sequence[Answer], percent: float) -> float:
    """Of the latencies."""
    return float(np.percentile([answer.seconds for answer in answers], percent))
