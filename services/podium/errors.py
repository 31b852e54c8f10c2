"""Every error that Podium reports, with the HTTP status that it becomes.

    PodiumError                    500  a fault of Podium's own
    ├── InvalidInput               400  the request is malformed; names the field and the remedy
    │   ├── UnsupportedMedia       415  bytes that are not a picture or a video that Podium reads
    │   ├── TooLarge               413  over a size, length or count limit
    │   └── Unprocessable          422  well-formed, but there is nothing in it to work on
    ├── Unauthorized               401  no API key, or one that is not known
    ├── Forbidden                  403  a path, address or option outside the allow-list
    ├── NotFound                   404  no such pipeline, model or file
    │   └── FramesGone             404  the frame handle has expired or was never here
    ├── Conflict                   409  the state of an object does not allow it
    ├── Outdated                   412  the object was changed meanwhile
    ├── RequestTimeout             408  the request arrives too slowly, or not at all
    ├── Overloaded                 429  queues are full; comes with ``retry_after_s``
    ├── StageFailed                502  a stage answered with an error of its own
    ├── Unavailable                503  not ready, draining, or no replica answers
    ├── DeadlineExceeded           504  the time budget ran out; names the stage
    └── SetupError                 500  a model or a setting is missing or damaged; names the remedy

Services answer all of them in the Open Inference Protocol's shape, ``{"error": "<message>"}``.
"""

from __future__ import annotations

import errno


class PodiumError(Exception):
    """Base of all errors that Podium raises on purpose.

    Args:
        message: What is wrong and what to do about it, in one or two sentences.
    """

    status = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidInput(PodiumError):
    """The request is malformed.

    Args:
        message: What is wrong.
        field: Name of the wrong input, parameter or header; the message begins with it.
    """

    status = 400

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field


class UnsupportedMedia(InvalidInput):
    """The bytes are not a picture or a video that Podium reads."""

    status = 415


class TooLarge(InvalidInput):
    """A size, a length or a count is over its limit."""

    status = 413


class Unprocessable(InvalidInput):
    """The request is well-formed, but there is nothing in it to work on."""

    status = 422


class Unauthorized(PodiumError):
    """The request has no API key, or one that is not known."""

    status = 401


class Forbidden(PodiumError):
    """A path, address or option is outside the allow-list."""

    status = 403


class NotFound(PodiumError):
    """There is no such pipeline, model or file."""

    status = 404


class FramesGone(NotFound):
    """The frames behind a handle have expired or are held by another replica."""


class Conflict(PodiumError):
    """The state of the object or of another request does not allow it now."""

    status = 409


class Outdated(PodiumError):
    """The object was changed since the caller has read it."""

    status = 412


class RequestTimeout(PodiumError):
    """The client sends its request too slowly, or has stopped sending it."""

    status = 408


class Overloaded(PodiumError):
    """The queue is full; the caller should retry after ``retry_after_s`` seconds."""

    status = 429

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StageFailed(PodiumError):
    """A stage answered with an error that is not the caller's fault."""

    status = 502


class Unavailable(PodiumError):
    """The service is not ready or is draining, or no replica of a stage answers."""

    status = 503


class DeadlineExceeded(PodiumError):
    """The time budget of the request ran out."""

    status = 504


class SetupError(PodiumError):
    """A model, a file or a setting that a service needs is missing or damaged."""


BY_STATUS: dict[int, type[PodiumError]] = {
    400: InvalidInput,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    413: TooLarge,
    415: UnsupportedMedia,
    422: Unprocessable,
    429: Overloaded,
    503: Unavailable,
    504: DeadlineExceeded,
}
"""Status of a stage's answer -> the error that the client raises."""

_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


def raise_if_exhausted(error: OSError) -> None:
    """Raise Unavailable if the system has no more open files or memory: not the input's fault."""
    if error.errno in _EXHAUSTED:
        raise Unavailable(f"{error.strerror}: try again later") from error
