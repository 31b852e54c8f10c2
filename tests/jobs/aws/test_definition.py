"""The state machine has the numbers of the one table of retries and time-outs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from podium.jobs.aws import step_errors
from podium.jobs.timing import STEPS, StepName, Timing
from tests.jobs.aws.state_machine import DEFINITION

MACHINE: dict[str, Any] = json.loads(DEFINITION.read_text())
STATES = MACHINE["States"]
TASKS: dict[StepName, dict[str, Any]] = {
    "initialize": STATES["Initialize"],
    "submit": STATES["Submit"]["ItemProcessor"]["States"]["SubmitVideo"],
    "check": STATES["Check"],
    "collect": STATES["Collect"],
}
HISTORY_EVENTS = 25_000
"""What an execution of Step Functions may have."""


@pytest.mark.parametrize("name", TASKS)
def test_retries_and_time_outs_are_those_of_the_table(name: StepName) -> None:
    step, task = STEPS[name], TASKS[name]
    refused, waits, counted = task["Retry"]
    assert task["TimeoutSeconds"] == step.timeout_s
    assert refused == {"ErrorEquals": ["StepRefused"], "MaxAttempts": 0}
    assert counted == {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": step.first_pause_s,
        "BackoffRate": step.factor,
        "MaxDelaySeconds": step.longest_pause_s,
        "MaxAttempts": step.tries - 1,
        "JitterStrategy": "FULL",
    }
    pauses = waits["MaxAttempts"] * waits["MaxDelaySeconds"]
    assert pauses >= Timing().job_deadline_s, "what waits must wait until the deadline"


def test_errors_have_the_names_that_handlers_raise() -> None:
    named = {
        error
        for state in [*STATES.values(), TASKS["submit"]]
        for retry in state.get("Retry", [])
        for error in retry["ErrorEquals"]
        if error.startswith("Step")
    }
    raised = {kind.__name__ for kind in step_errors.StepFailed.__subclasses__()}
    assert named == raised


def test_every_step_that_fails_for_good_ends_the_job() -> None:
    for name in ("Initialize", "Submit", "Check", "Collect"):
        [caught] = STATES[name]["Catch"]
        given_up = STATES[caught["Next"]]
        assert caught["ErrorEquals"] == ["States.ALL"]
        assert given_up["Parameters"]["step"] == name.lower() in STEPS
        assert given_up["Next"] == "GiveUp"


def test_an_execution_outlives_the_deadline_of_its_job_and_its_history_has_room() -> None:
    timing = Timing()
    assert MACHINE["TimeoutSeconds"] > timing.job_deadline_s + timing.wait_longest_s
    age_s, looks = 0.0, 0
    while age_s < timing.job_deadline_s:
        age_s += timing.wait_s(age_s)
        looks += 1
    videos, events_of_a_look, events_of_a_video = 1000, 9, 7
    assert looks * events_of_a_look + videos * events_of_a_video < HISTORY_EVENTS
