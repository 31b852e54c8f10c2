"""Errors of the API: problem details (RFC 9457)."""

from __future__ import annotations

from pydantic import Field

from podium.schemas.base import Answered


class ProblemPointer(Answered):
    """One thing that is wrong with a request."""

    detail: str
    pointer: str
    """JSON pointer (RFC 6901) into the body, such as ``#/job_parameters/step``; a query parameter
    or a header is called by its name."""


class Problem(Answered):
    """An ``application/problem+json`` document."""

    type: str = "about:blank"
    """Address of a page that explains the kind of problem."""

    title: str
    """The kind of problem in a few words."""

    status: int = Field(ge=400, le=599)
    detail: str
    """What is wrong this time, and what to do about it."""

    instance: str
    """The path that was asked for."""

    code: str
    """For programs, such as ``not_found``."""

    request_id: str
    """Of this request; logs carry it too."""

    retryable: bool = False
    """Whether the same request may succeed at another time."""

    errors: list[ProblemPointer] = Field(default_factory=list)
