"""Turns exceptions into the errors of jobs: a code for programs, a message for people."""

from __future__ import annotations

import re

from podium.errors import (
    DeadlineExceeded,
    Forbidden,
    InvalidInput,
    NotFound,
    Overloaded,
    PodiumError,
    SetupError,
    StageFailed,
    Unauthorized,
    Unavailable,
)
from podium.schemas.jobs import JobError

_WILL_NOT_PASS = (InvalidInput, NotFound, Forbidden, Unauthorized, SetupError)
_NOBODYS_FAULT = (Unavailable, Overloaded)
_MAY_PASS = (*_NOBODYS_FAULT, StageFailed, DeadlineExceeded)


def is_final(error: PodiumError) -> bool:
    """Whether a retry is useless, because it would fail again."""
    return isinstance(error, _WILL_NOT_PASS)


def counts(error: Exception) -> bool:
    """Whether a failure counts as an attempt: an unreachable or busy service does not."""
    return not isinstance(error, _NOBODYS_FAULT)


def died(who: str, times: int, *, at: str = "while at work on it") -> str:
    """The message that the workers on something died."""
    return f"its {who} died {times} times {at}"


def step_died(step: str, times: int) -> JobError:
    """The error of a step whose controllers died."""
    message = died("controller", times, at=f"at the step {step}")
    return JobError(code="worker_died", message=message, retryable=True)


def describe(error: Exception) -> JobError:
    """An exception as an error for users; unexpected exceptions are reported without details."""
    if not isinstance(error, PodiumError):
        return JobError(
            code="internal",
            message="an error of Podium's own; the logs have its details",
            retryable=True,
        )
    code = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(error).__name__).lower()
    message = error.message.removeprefix("media: ").removeprefix("upload: ")
    return JobError(code=code, message=message, retryable=isinstance(error, _MAY_PASS))
