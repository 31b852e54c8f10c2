"""Error answers of an api as exceptions of Podium's tree."""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError

from podium.errors import (
    Conflict,
    DeadlineExceeded,
    Forbidden,
    InvalidInput,
    NotFound,
    Outdated,
    Overloaded,
    PodiumError,
    RequestTimeout,
    StageFailed,
    TooLarge,
    Unauthorized,
    Unavailable,
    Unprocessable,
    UnsupportedMedia,
)
from podium.schemas.jobs import Job
from podium.schemas.problems import Problem


class ApiError(PodiumError):
    """An error answer of the api.

    It is an instance of the matching error, too: ``podium.errors.NotFound`` catches a 404.

    Args:
        problem: The document (RFC 9457).
        retry_after_s: Seconds after which the api suggests another attempt; 0: it does not.
    """

    def __init__(self, problem: Problem, retry_after_s: float = 0.0) -> None:
        PodiumError.__init__(self, problem.detail)
        self.problem = problem
        self.status = problem.status
        self.code = problem.code
        self.request_id = problem.request_id
        self.retryable = problem.retryable
        self.retry_after_s = retry_after_s
        pointer = problem.errors[0].pointer if problem.errors else ""
        self.field = pointer.removeprefix("#/").replace("/", ".") or None
        if problem.status >= 500:
            self.add_note(f"request {problem.request_id}: the log of the api has more")


class JobFailed(PodiumError):
    """A job failed, expired or was canceled while a caller waited for it.

    Args:
        job: The job after its end.
    """

    status = 422

    def __init__(self, job: Job) -> None:
        why = job.error.message if job.error is not None else "nobody said why"
        if job.job_status == "canceled":
            why = "results up to then can be downloaded"
        super().__init__(f"job {job.id} is {job.job_status}: {why}")
        self.job = job
        self.code = job.error.code if job.error is not None else job.job_status
        self.retryable = job.error.retryable if job.error is not None else False


_TREE: Final = (
    InvalidInput, Unauthorized, Forbidden, NotFound, RequestTimeout, Conflict, Outdated, TooLarge,
    UnsupportedMedia, Unprocessable, Overloaded, StageFailed, Unavailable, DeadlineExceeded,
)  # fmt: skip
_KINDS: Final = {
    kind.status: type(f"Api{kind.__name__}", (ApiError, kind), {"__doc__": kind.__doc__})
    for kind in _TREE
}


def failure(status: int, body: bytes, retry_after_s: float, where: str) -> PodiumError:
    """The exception for an error answer.

    Args:
        status: Status code of HTTP.
        body: Problem document (RFC 9457); anything else if no api has answered.
        retry_after_s: From the header ``Retry-After``.
        where: The request, for messages.
    """
    try:
        problem = Problem.model_validate_json(body)
    except ValidationError:
        kind = Unavailable if status in (502, 503, 504) else StageFailed
        return kind(f"what answers at {where} is no api of Podium (status {status})")
    kind_of_api: type[ApiError] = _KINDS.get(status, ApiError)
    return kind_of_api(problem, retry_after_s)
