"""Step Functions as the workflow that calls the steps of jobs."""

from __future__ import annotations

import json
from datetime import datetime

from botocore.exceptions import ClientError

from podium.jobs.aws.clients import aws_errors, client


class StepFunctions:
    """Starts an execution for each job, named after it, so that a second start changes nothing.

    A name stays taken for 90 days. So the execution of a job that is started again has the time of
    that start in its name.

    Args:
        arn: ARN of the state machine.
        region: Region of the state machine.
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
