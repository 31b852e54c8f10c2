"""The states of jobs, videos and frame batches, and their transitions."""

from __future__ import annotations

from typing import Final, Literal, get_args

JobState = Literal[
    "queued",
    "initializing",
    "submitting",
    "processing",
    "collecting",
    "succeeded",
    "partially_succeeded",
    "failed",
    "canceling",
    "canceled",
    "expired",
]

JOB_STATES: Final[tuple[JobState, ...]] = get_args(JobState)

TERMINAL: Final[frozenset[JobState]] = frozenset(
    {"succeeded", "partially_succeeded", "failed", "canceled", "expired"}
)
"""A job in one of these states changes only on request."""

REPEATABLE: Final[frozenset[JobState]] = TERMINAL - {"succeeded"}
"""From these states a job can be retried, to complete what is missing."""

_NEXT: Final[dict[JobState, frozenset[JobState]]] = {
    "queued": frozenset({"initializing"}),
    "initializing": frozenset({"submitting"}),
    "submitting": frozenset({"processing"}),
    "processing": frozenset({"collecting"}),
    "collecting": frozenset({"succeeded", "partially_succeeded"}),
    "canceling": frozenset({"canceled"}),
    "succeeded": frozenset(),
    **{state: frozenset[JobState]({"queued"}) for state in REPEATABLE},
}

BatchState = Literal["pending", "submitted", "processing", "succeeded", "failed", "canceled"]
"""State of a frame batch: known, offered to workers, at work, ended."""

BATCH_STATES: Final[tuple[BatchState, ...]] = get_args(BatchState)

OPEN_BATCH: Final[tuple[BatchState, ...]] = ("pending", "submitted", "processing")
"""The states of a frame batch that has not ended."""

Priority = Literal["standard", "priority", "high-priority"]

PRIORITIES: Final[tuple[Priority, ...]] = get_args(Priority)


def is_terminal(state: JobState) -> bool:
    """Whether a job in this state has ended."""
    return state in TERMINAL


def may_become(state: JobState, following: JobState) -> bool:
    """Whether a job may change from ``state`` to ``following``.

    In addition to its usual next state, a job that has not ended may fail, expire or be canceled;
    a canceling job ends as canceled.
    """
    usual = following in _NEXT[state]
    if is_terminal(state) or state == "canceling":
        return usual
    return usual or following in ("failed", "expired", "canceling")


def sources_of(state: JobState) -> tuple[JobState, ...]:
    """The states that may become ``state``."""
    return tuple(earlier for earlier in JOB_STATES if may_become(earlier, state))
