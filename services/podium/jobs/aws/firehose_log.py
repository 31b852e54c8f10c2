"""Sends the operational log (``podium.jobs.observing.oplog``) through Firehose to S3."""

from __future__ import annotations

import logging
from typing import Any

import orjson

from podium.errors import Unavailable
from podium.jobs.aws.clients import aws_errors, client

_log = logging.getLogger("podium.jobs.aws")


class FirehoseLog:
    """Sends each record as one line of JSON; a record that is refused goes to the process's log.

    Args:
        name: Name of the delivery stream.
        region: Region of the delivery stream.
    """

    def __init__(self, name: str, region: str) -> None:
        self._name = name
        self._client = client("firehose", region)

    def write(self, record: dict[str, Any]) -> None:
        line = orjson.dumps(record, default=str) + b"\n"
        try:
            with aws_errors("the operational log"):
                self._client.put_record(DeliveryStreamName=self._name, Record={"Data": line})
        except Unavailable as error:  # must not stop the work that it is about
            _log.warning("%s: %s", error.message, line.decode())
