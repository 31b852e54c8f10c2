"""Step Functions as what has the steps of jobs called."""

from __future__ import annotations

import json
from datetime import datetime

from botocore.exceptions import ClientError

from podium.jobs.aws.clients import aws_errors, client


class StepFunctions:
    """Starts an execution for each job, named after it, so that a second start changes nothing.

    Names are taken for 90 days. A job that is sent back to work has the moment in its name.

    Args:
        arn: Of the state machine.
        region: Where it is.
    """

    def __init__(self, arn: str, region: str) -> None:
        self._arn = arn
        self._client = client("stepfunctions", region)

    def start(self, job_id: int, *, again: datetime | None = None) -> None:
        name = str(job_id) if again is None else f"{job_id}-{again:%Y%m%dT%H%M%S%f}"
        with aws_errors("the workflow"):
            try:
                self._client.start_execution(
                    stateMachineArn=self._arn, name=name, input=json.dumps({"job_id": job_id})
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                    raise
