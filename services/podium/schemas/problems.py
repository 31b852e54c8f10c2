"""Errors of the API: problem details (RFC 9457)."""

from __future__ import annotations

from pydantic import Field

from podium.schemas.base import Answered


class ProblemPointer(Answered):
    """One error in a request."""

    detail: str
    pointer: str
    """JSON pointer (RFC 6901) into the body, such as ``#/job_parameters/step``; or the name of a
    query parameter or header."""


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
    """Path of the request."""

    code: str
    """For programs, such as ``not_found``."""

    request_id: str
    """Id of this request, also in the logs."""

    retryable: bool = False
    """Whether the same request may succeed later."""

    errors: list[ProblemPointer] = Field(default_factory=list)
