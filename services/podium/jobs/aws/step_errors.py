"""The three ways in which a step fails; a state machine tells them apart by their names."""

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
    """Another try may succeed; this one counts. The message is a JobError as JSON."""


class StepWaits(StepFailed):
    """Something is full or does not answer; this try does not count."""


class StepRefused(StepFailed):
    """Every other try would fail as well."""


def told(error: Exception) -> StepFailed:
    """The exception that a handler raises for an error of a step."""
    if not isinstance(error, PodiumError):
        _log.error("a step failed", exc_info=error)
    message = failures.describe(error).model_dump_json()
    if isinstance(error, PodiumError) and failures.is_final(error):
        return StepRefused(message)
    return StepFailed(message) if failures.counts(error) else StepWaits(message)


def read(failure: Mapping[str, Any], step: StepName, tries: int) -> JobError:
    """The error of a step, from what the state machine has caught.

    Args:
        failure: ``{Error, Cause}``. A cause that no handler has written, or none, means that the
            process ended: out of time, or out of memory.
        step: The step that failed.
        tries: How often it was tried.
    """
    try:
        return JobError.model_validate_json(json.loads(failure["Cause"])["errorMessage"])
    except (ValueError, KeyError, TypeError, ValidationError):
        _log.error("the step %s ended with %s", step, failure)
        return failures.step_died(step, tries)
