"""Errors of the API server."""

from __future__ import annotations

from podium.errors import PodiumError


class ApiError(PodiumError):
    """The API server refuses, or does not answer.

    Args:
        message: The reason.
        code: HTTP status; None: there was no answer.
        retry_after_s: When to try again, if the API server says so.
    """

    status = 503

    def __init__(
        self, message: str, code: int | None = None, *, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after_s = retry_after_s


class NoCluster(ApiError):
    """There is neither a service account nor ``KUBECONFIG``."""
