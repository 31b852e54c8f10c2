"""The three ways in which a step fails, as a state machine tells them apart by name."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from podium.errors import PodiumError
from podium.jobs import failures
from podium.jobs.timing import StepName
from podium.schemas.jobs import JobError

_log = logging.getLogger("podium.jobs.aws")


class StepFailed(Exception):
    """It may succeed later, and the try counts. The message is a JobError as JSON."""


class StepWaits(StepFailed):
    """Something has no room or does not answer; that counts for nothing."""


class StepRefused(StepFailed):
    """The same would fail again, however often it is tried."""


def told(error: Exception) -> StepFailed:
    """What a handler raises for an error of a step."""
    if not isinstance(error, PodiumError):
        _log.error("a step failed", exc_info=error)
    message = failures.describe(error).model_dump_json()
    if isinstance(error, PodiumError) and failures.is_final(error):
        return StepRefused(message)
    return StepFailed(message) if failures.counts(error) else StepWaits(message)


def read(failure: Mapping[str, Any], step: StepName, tries: int) -> JobError:
    """The error behind what a state machine has caught: ``{Error, Cause}``, maybe without a cause.

    What was not raised by a handler is the end of its process: out of time, out of memory.
    """
    try:
        return JobError.model_validate_json(json.loads(failure["Cause"])["errorMessage"])
    except (ValueError, KeyError, TypeError, ValidationError):
        _log.error("the step %s ended with %s", step, failure)
        return failures.step_died(step, tries)
