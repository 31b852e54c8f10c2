"""Clients of AWS, with the credentials of the role, and AWS's refusals as Podium's errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from podium.errors import Unavailable

_CONNECT_S, _READ_S, _TRIES = 5, 30, 5


def client(service: str, region: str) -> Any:
    """A client that any thread may use; ``AWS_ENDPOINT_URL`` names an emulator instead of AWS."""
    return boto3.client(
        service,
        region_name=region,
        config=Config(
            connect_timeout=_CONNECT_S,
            read_timeout=_READ_S,
            retries={"mode": "standard", "total_max_attempts": _TRIES},
        ),
    )


@contextmanager
def aws_errors(what: str) -> Iterator[None]:
    """Report refusals and silence of AWS as Unavailable: where all is set up well, they pass.

    Args:
        what: What was asked, for the message.

    Raises:
        Unavailable: it refused, or did not answer; the message has the code of the refusal.
    """
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "no code")
        raise Unavailable(f"{what} refuses ({code}); try again") from error
    except BotoCoreError as error:
        raise Unavailable(f"{what} does not answer; try again") from error
