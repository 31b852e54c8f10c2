"""``job.asl.json`` executed by moto's interpreter; its Lambdas are functions of this process."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
from moto import mock_aws

DEFINITION = Path(__file__).parents[3] / "services" / "sam" / "job.asl.json"
REGION = "us-east-1"
_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


class Context:
    """An invocation with time left."""

    def __init__(self, seconds: float = 900.0) -> None:
        self._until = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._until - time.monotonic()) * 1e3))


class Crash(BaseException):
    """The end of a Lambda's process: out of memory, killed."""


class LambdaClient:
    """What the interpreter calls; handlers by the name of their parameter in the definition."""

    def __init__(self, handlers: dict[str, Handler]) -> None:
        self._handlers = handlers
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def invoke(self, *, FunctionName: str, Payload: bytes, **_: Any) -> dict[str, Any]:
        name, event = FunctionName.rpartition(":")[2], json.loads(Payload)
        self.calls.append((name, event))
        try:
            answer: Any = json.loads(json.dumps(self._handlers[name](event, Context())))
            error = {}
        except Crash:
            answer = {"errorType": "Runtime.ExitError", "errorMessage": "signal: killed"}
            error = {"FunctionError": "Unhandled"}
        except Exception as raised:
            answer = {"errorType": type(raised).__name__, "errorMessage": str(raised)}
            error = {"FunctionError": "Unhandled"}
        payload = io.BytesIO(json.dumps(answer).encode())
        return {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": payload, **error}


def definition(*, hurry: bool) -> str:
    """The definition as it is deployed; ``hurry``: with pauses of nothing."""
    text = re.sub(
        r"\$\{(\w+)Arn\}",
        lambda found: f"arn:aws:lambda:{REGION}:123456789012:function:{found[1]}",
        DEFINITION.read_text(),
    )
    if hurry:
        text = re.sub(r'"(IntervalSeconds|MaxDelaySeconds)": \d+', r'"\1": 1', text)
        text = text.replace('"SecondsPath": "$.wait_s"', '"Seconds": 0')
    return text


@contextmanager
def state_machine(client: LambdaClient) -> Iterator[str]:
    """A state machine while the block runs; gives its ARN."""
    calling = "moto.stepfunctions.parser.asl.component.state.exec.state_task.lambda_eval_utils"
    options: Any = {"stepfunctions": {"execute_state_machine": True}}
    with (
        patch.dict("os.environ", dict.fromkeys(_CREDENTIALS, "x")),
        mock_aws(config=options),
        patch(f"{calling}.boto_client_for", lambda **_: client),
    ):
        made = boto3.client("stepfunctions", REGION).create_state_machine(
            name="job",
            definition=definition(hurry=True),
            roleArn="arn:aws:iam::123456789012:role/job",
        )
        yield made["stateMachineArn"]


def ended(arn: str, name: str, timeout_s: float = 60.0) -> dict[str, Any]:
    """The execution of that name when it has ended."""
    client = boto3.client("stepfunctions", REGION)
    execution = arn.replace(":stateMachine:", ":execution:") + f":{name}"
    until = time.monotonic() + timeout_s
    while True:
        told: dict[str, Any] = client.describe_execution(executionArn=execution)
        if told["status"] != "RUNNING":
            return told
        assert time.monotonic() < until, f"execution {name} still runs"
        time.sleep(0.05)
