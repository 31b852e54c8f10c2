"""Works on the records of a stream in their order, until one has to be tried again.

Lambda hands over a batch of records of one shard. The answer names the first record that is not
done (``ReportBatchItemFailures``), and Lambda delivers that one and all after it again. So the loop
stops there: what it did beyond, it would do twice.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import time
from collections.abc import Mapping
from typing import Any, Protocol

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from podium.errors import PodiumError
from podium.jobs.environment import Environment
from podium.jobs.observing.oplog import action
from podium.jobs.steps import Outcome, consume

_log = logging.getLogger("podium.jobs.aws")

_MARGIN_S = 5.0
"""For what comes after a call to the gateway: the result, the row, the log."""

_LEAST_S = 20.0
"""After the first record, none is begun with less time left than this, or than twice the time of
the longest record so far."""

DEAD_RECORDS = "dead-records"
"""Folder of the object store that keeps records without a result, whole."""

Record = Mapping[str, Any]


class LambdaContext(Protocol):
    """What Lambda says of an invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until it is ended."""


class _Hint(BaseModel):
    model_config = ConfigDict(strict=True)

    frame_batch_id: int


def consume_records(
    env: Environment, event: Mapping[str, Any], context: LambdaContext
) -> dict[str, Any]:
    """Work on the records of an event of Kinesis.

    Args:
        env: What the steps work with.
        event: As Lambda gives it: ``{"Records": [...]}``.
        context: Says how much time is left.

    Returns:
        ``{"batchItemFailures": [...]}`` with the sequence number of the first record that is not
        done; empty if all are done.
    """
    longest_s = 0.0
    for number, record in enumerate(event["Records"]):
        left_s = context.get_remaining_time_in_millis() / 1e3
        if number and left_s < max(_LEAST_S, 2 * longest_s + _MARGIN_S):
            return _from(record)
        begun = time.monotonic()
        if _work_on(env, record, max(1.0, left_s - _MARGIN_S)) == "retry":
            return _from(record)
        longest_s = max(longest_s, time.monotonic() - begun)
    return {"batchItemFailures": []}


def _work_on(env: Environment, record: Record, seconds: float) -> Outcome:
    try:
        batch_id = _batch_id(record)
        if batch_id is None:
            return _keep(env, record, "it does not name a frame batch")
        outcome = consume(env, batch_id, _owner(record), seconds=seconds)
        if outcome == "dead":
            return _keep(env, record, f"frame batch {batch_id} has ended without a result")
        return outcome
    except Exception as error:
        if isinstance(error, PodiumError):
            _log.warning("%s", error.message)
        else:
            _log.exception("a record failed")
        return "retry"


def _batch_id(record: Record) -> int | None:
    try:
        data = base64.b64decode(record["kinesis"]["data"], validate=True)
        return _Hint.model_validate_json(data).frame_batch_id
    except (ValueError, ValidationError):
        return None


def _owner(record: Record) -> str:
    """The name under which a record claims its batch: the same at each delivery of the record."""
    name = f"{record['eventSourceARN']} {record['kinesis']['sequenceNumber']}"
    return f"record-{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def _keep(env: Environment, record: Record, why: str) -> Outcome:
    stream = record["eventSourceARN"].rpartition("/")[2]
    key = f"{DEAD_RECORDS}/{stream}/{record['kinesis']['sequenceNumber']}.json"
    with action(env.log, "bury", record=key, why=why):
        env.objects.put(key, orjson.dumps({"why": why, "record": dict(record)}), once=True)
    return "dead"


def _from(record: Record) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": record["kinesis"]["sequenceNumber"]}]}
