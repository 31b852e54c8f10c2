"""An event source mapping of Kinesis as AWS describes it, for emulators have none that is right.

Sources are pages of the Lambda developer guide: "Polling and batching streams" (order, batches,
concurrency), "Configuring partial batch response" (the lowest sequence number is the checkpoint),
"Retain discarded batch records" (retries, age, bisection). What is not played: filters, windows,
and the growing pauses between retries.

    shard ──records──> lanes, by partition key (parallelization factor) ──batches──> function

A lane gives its records in their order and waits for each batch. A shard that was split or merged
is read to its end, and all its lanes are empty, before its children are read.
"""

from __future__ import annotations

import base64
import queue
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

Function = Callable[[dict[str, Any]], Mapping[str, Any] | None]
_IDLE_S = 0.02


@dataclass(frozen=True)
class Shard:
    """A shard and those that it was made of."""

    id: str
    parents: tuple[str, ...] = ()


@dataclass(frozen=True)
class Record:
    """A record of a shard."""

    sequence: str
    partition_key: str
    data: bytes
    arrived: float = field(default_factory=time.time)


class Source(Protocol):
    """A stream."""

    arn: str

    def shards(self) -> Sequence[Shard]:
        """All shards, those that are closed, too."""

    def read(self, shard: str, position: Any) -> tuple[list[Record], Any]:
        """Records from a position on (None: the oldest), and the next; None at the shard's end."""


class EventSourceMapping:
    """Reads a stream and calls a function, on threads, while entered.

    Args:
        source: The stream.
        function: Gets an event; raises, or answers ``batchItemFailures``.
        batch_size: Most records in an event.
        parallelization_factor: Lanes of each shard.
        retries: Most further tries of a batch; None: without end.
        age_s: Records that are older are given up; None: none is.
        bisect: Whether a batch whose function has raised is tried in halves, which costs no try.
        give_up: Gets the records that are given up: the on-failure destination.
    """

    def __init__(
        self,
        source: Source,
        function: Function,
        *,
        batch_size: int = 1,
        parallelization_factor: int = 1,
        retries: int | None = None,
        age_s: float | None = None,
        bisect: bool = False,
        give_up: Callable[[list[dict[str, Any]]], None] = lambda records: None,
    ) -> None:
        self._source, self._function = source, function
        self._batch_size, self._lanes = batch_size, parallelization_factor
        self._retries, self._age_s, self._bisect = retries, age_s, bisect
        self._give_up = give_up
        self._stop = threading.Event()
        self._begun: set[str] = set()
        self._done: set[str] = set()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> EventSourceMapping:
        self._begin(self._discover)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _begin(self, work: Callable[..., None], *given: Any) -> threading.Thread:
        thread = threading.Thread(target=work, args=given)
        self._threads.append(thread)
        thread.start()
        return thread

    def _discover(self) -> None:
        while not self._stop.is_set():
            shards = self._source.shards()
            known = {shard.id for shard in shards}
            for shard in shards:
                waits = {parent for parent in shard.parents if parent in known} - self._done
                if shard.id not in self._begun and not waits:
                    self._begun.add(shard.id)
                    self._begin(self._read, shard.id)
            self._stop.wait(10 * _IDLE_S)

    def _read(self, shard: str) -> None:
        lanes: list[queue.Queue[list[Record] | None]] = [
            queue.Queue(100) for _ in range(self._lanes)
        ]
        workers = [self._begin(self._work, shard, lane) for lane in lanes]
        position: Any = None
        while not self._stop.is_set():
            records, position = self._source.read(shard, position)
            own: list[list[Record]] = [[] for _ in lanes]
            for record in records:
                own[zlib.crc32(record.partition_key.encode()) % self._lanes].append(record)
            for lane, part in zip(lanes, own, strict=True):
                while part and not self._stop.is_set():
                    with suppress(queue.Full):
                        lane.put(part, timeout=_IDLE_S)
                        break
            if position is None:
                break
            if not records:
                self._stop.wait(_IDLE_S)
        for lane in lanes:
            lane.put(None)
        for worker in workers:
            worker.join()
        self._done.add(shard)

    def _work(self, shard: str, lane: queue.Queue[list[Record] | None]) -> None:
        """Deliver what comes into a lane; what was read at once is cut into batches at once."""
        while not self._stop.is_set():
            try:
                part = lane.get(timeout=_IDLE_S)
            except queue.Empty:
                continue
            if part is None:
                return
            while part and not self._stop.is_set():
                batch, part = part[: self._batch_size], part[self._batch_size :]
                self._deliver(shard, batch)

    def _deliver(self, shard: str, batch: list[Record]) -> None:
        tries = 0
        while batch and not self._stop.is_set():
            if self._age_s is not None:
                cut = time.time() - self._age_s
                old = [record for record in batch if record.arrived < cut]
                batch = [record for record in batch if record.arrived >= cut]
                if old:
                    self._give_up(self._event(shard, old)["Records"])
                    continue
            try:
                answer = self._function(self._event(shard, batch))
            except Exception:
                if self._bisect and len(batch) > 1:
                    half = len(batch) // 2
                    self._deliver(shard, batch[:half])
                    batch, tries = batch[half:], 0
                    continue
                failed = batch
            else:
                failed = _failed(answer, batch)
            if len(failed) < len(batch):
                tries = 0  # what is left is another batch
            batch = failed
            tries += 1
            if batch and self._retries is not None and tries > self._retries:
                self._give_up(self._event(shard, batch)["Records"])
                return
            if batch:
                self._stop.wait(_IDLE_S)

    def _event(self, shard: str, batch: Sequence[Record]) -> dict[str, Any]:
        return {
            "Records": [
                {
                    "kinesis": {
                        "kinesisSchemaVersion": "1.0",
                        "partitionKey": record.partition_key,
                        "sequenceNumber": record.sequence,
                        "data": base64.b64encode(record.data).decode(),
                        "approximateArrivalTimestamp": record.arrived,
                    },
                    "eventSource": "aws:kinesis",
                    "eventVersion": "1.0",
                    "eventID": f"{shard}:{record.sequence}",
                    "eventName": "aws:kinesis:record",
                    "invokeIdentityArn": "arn:aws:iam::123456789012:role/consumer",
                    "awsRegion": "us-east-1",
                    "eventSourceARN": self._source.arn,
                }
                for record in batch
            ]
        }


def _failed(answer: Mapping[str, Any] | None, batch: list[Record]) -> list[Record]:
    """What an answer says has to come again: all from the lowest sequence number on."""
    items = (answer or {}).get("batchItemFailures") or []
    if not items:
        return []
    places = {record.sequence: place for place, record in enumerate(batch)}
    named = [item.get("itemIdentifier") for item in items]
    if any(not name or name not in places for name in named):
        return batch
    return batch[min(places[name] for name in named) :]
