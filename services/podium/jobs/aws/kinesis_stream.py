"""Hints to consumers as Kinesis records, on the stream of a priority class or of a project."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Collection, Sequence
from typing import Any

from podium.errors import Unavailable
from podium.jobs.aws.clients import aws_errors, client
from podium.schemas.states import Priority

_AT_ONCE = 500
"""What Kinesis takes in one request."""

_TRIES = 8
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0


class KinesisStream:
    """Puts the ids of frame batches on streams.

    A record is ``{"frame_batch_id": 7}``; the row of that batch says what is to be done. The
    partition key is the id, so batches spread over all shards. If Kinesis takes only a part of the
    records of a request, the others are sent again.

    Args:
        prefix: The streams of the priority classes are called ``<prefix>-standard`` and so on.
        region: Region of the streams.
    """

    def __init__(self, prefix: str, region: str) -> None:
        self._prefix = prefix
        self._client = client("kinesis", region)

    def put(self, queue: str | None, priority: Priority, batch_ids: Collection[int]) -> None:
        if queue is None:
            stream = {"StreamName": f"{self._prefix}-{priority}"}
        else:
            stream = {"StreamARN": queue}
        ids = list(batch_ids)
        for first in range(0, len(ids), _AT_ONCE):
            self._put_all(stream, ids[first : first + _AT_ONCE])

    def _put_all(self, stream: dict[str, str], ids: Sequence[int]) -> None:
        records = [_record(batch_id) for batch_id in ids]
        for attempt in range(_TRIES):
            if attempt:
                pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**attempt)
                time.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret
            with aws_errors("the stream"):
                answer = self._client.put_records(Records=records, **stream)
            outcomes = zip(records, answer["Records"], strict=True)
            records = [record for record, told in outcomes if "ErrorCode" in told]
            if not records:
                return
        raise Unavailable(f"the stream has no room for {len(records)} records; try again")


def _record(batch_id: int) -> dict[str, Any]:
    data = json.dumps({"frame_batch_id": batch_id}).encode()
    return {"Data": data, "PartitionKey": str(batch_id)}
