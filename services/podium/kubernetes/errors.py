"""What can go wrong with the API server."""

from __future__ import annotations

from podium.errors import PodiumError


class ApiError(PodiumError):
    """The API server refuses, or does not answer.

    Args:
        message: Why.
        code: The HTTP status; None: there was no answer.
        retry_after_s: When to try again, as the API server has it.
    """

    status = 503

    def __init__(
        self, message: str, code: int | None = None, *, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after_s = retry_after_s


class NoCluster(ApiError):
    """Neither a service account nor ``KUBECONFIG`` says where an API server is."""
