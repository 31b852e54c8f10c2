"""The Lambdas of jobs in this process, and a stream that delivers as an event source mapping does.

Records that are not done come again; nothing else of a mapping is played here.
"""

from __future__ import annotations

import base64
import itertools
import json
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from podium.jobs.aws import steps
from podium.jobs.aws.consumer import consume_records
from podium.jobs.environment import Environment
from podium.schemas.states import Priority
from tests.jobs.aws.state_machine import Context, Crash, Handler

ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/podium-standard"
_LOOK_S = 0.05


def record(batch_id: int, number: int) -> dict[str, Any]:
    """A record as Lambda gives it."""
    return raw_record(json.dumps({"frame_batch_id": batch_id}).encode(), number)


def raw_record(data: bytes, number: int) -> dict[str, Any]:
    sequence = f"{number:056d}"
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "x",
            "sequenceNumber": sequence,
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": 1.0,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000000:{sequence}",
        "eventName": "aws:kinesis:record",
        "eventSourceARN": ARN,
    }


class Stream:
    """A stream in memory."""

    def __init__(self) -> None:
        self.records: queue.Queue[dict[str, Any]] = queue.Queue()
        self._numbers = itertools.count(1)

    def put(self, queue: str | None, priority: Priority, batch_ids: Collection[int]) -> None:
        del queue, priority
        for batch_id in batch_ids:
            self.records.put(record(batch_id, next(self._numbers)))


@contextmanager
def consumers(
    env: Environment,
    stream: Stream,
    count: int = 4,
    crash: Callable[[dict[str, Any]], bool] = lambda record: False,
) -> Iterator[None]:
    """Consumers that take one record at a time while the block runs."""
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            try:
                taken = stream.records.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            if crash(taken):
                stream.records.put(taken)
                continue
            answer = consume_records(env, {"Records": [taken]}, Context())
            if answer["batchItemFailures"]:
                time.sleep(_LOOK_S)
                stream.records.put(taken)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def handlers(env: Environment, lose: Collection[str] = ()) -> dict[str, Handler]:
    """The Lambdas of the state machine.

    Args:
        env: What they work with.
        lose: Of these the process ends twice: before the work, and after it, with its answer.
    """

    def check(event: dict[str, Any], _: Any) -> dict[str, Any]:
        time.sleep(_LOOK_S)  # in place of the state that waits
        return steps.check_job(env, event)

    found: dict[str, Handler] = {
        "Initializer": lambda event, _: steps.initialize_job(env, event, 900.0),
        "Submitter": lambda event, _: steps.submit_video(env, event),
        "CompletionCheck": check,
        "Collector": lambda event, _: steps.collect_job(env, event, 900.0),
        "GiveUp": lambda event, _: steps.give_up_job(env, event),
    }
    return found | {name: _losing(found[name]) for name in lose}


def _losing(handler: Handler) -> Handler:
    tries = itertools.count(1)

    def run(event: dict[str, Any], context: Any) -> dict[str, Any]:
        number = next(tries)
        if number == 1:
            raise Crash
        answer = handler(event, context)
        if number == 2:
            raise Crash
        return answer

    return run
