"""Calls to the gateway of a tier: runs frames of a video, and postprocesses the whole video.

Synchronous, for threads and for Lambda; urllib3 makes the retries.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any, Protocol

import orjson
import urllib3
from pydantic import ValidationError
from urllib3.connection import HTTPConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    LocationValueError,
    MaxRetryError,
    NewConnectionError,
    ReadTimeoutError,
)

from podium.errors import (
    BY_STATUS,
    DeadlineExceeded,
    Overloaded,
    PodiumError,
    SetupError,
    StageFailed,
    Unavailable,
)
from podium.jobs.call_deadline import Deadline, RetryUntil, TimeoutUntil
from podium.jobs.timing import Timing
from podium.schemas.summary import PostprocessResult
from podium.wire import read_error

_BUSY = (429, 503)
_PASSING = (*_BUSY, 502, 504)
_OK = 200
_MAX_CONNECTIONS = 256
_CONNECT_S = 5.0
_KEEP_ALIVE = [
    *HTTPConnection.default_socket_options,
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), seconds)
        for name, seconds in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 5))
        if hasattr(socket, name)
    ),
]
"""TCP keep-alive: postprocessing is silent for minutes, and load balancers drop silent connections
(AWS after 350 s)."""


class Tiers(Protocol):
    """The gateways of all tiers."""

    def run(
        self,
        gateway: str,
        endpoint: str,
        body: Mapping[str, Any],
        *,
        idempotency_key: str,
        seconds: float | None = None,
    ) -> bytes:
        """Run frames of a video through a pipeline.

        Args:
            gateway: Base URL.
            endpoint: Path of the pipeline.
            body: ``uri``, ``start``, ``count``, ``step`` and options.
            idempotency_key: The same for every attempt on the same frames.
            seconds: Time limit of all attempts together; None: that of ``Timing``.

        Returns:
            ``podium.schemas.results.PipelineResult`` as JSON.

        Raises:
            PodiumError: the answer of the gateway to the last attempt.
        """

    def postprocess(
        self, gateway: str, body: Mapping[str, Any], *, seconds: float | None = None
    ) -> PostprocessResult:
        """Turn the results of a whole video into files. Raises PodiumError."""


class HttpTiers:
    """The gateways over HTTP; one object for all threads.

    Args:
        timing: Time limits and retries.
        api_key: Key for the gateways; None: they ask for none.
    """

    def __init__(self, timing: Timing, api_key: str | None = None) -> None:
        self._timing = timing
        self._headers = {"content-type": "application/json"}
        if api_key is not None:
            self._headers["x-api-key"] = api_key
        self._pool = urllib3.PoolManager(
            num_pools=16, maxsize=_MAX_CONNECTIONS, socket_options=_KEEP_ALIVE
        )

    def run(
        self,
        gateway: str,
        endpoint: str,
        body: Mapping[str, Any],
        *,
        idempotency_key: str,
        seconds: float | None = None,
    ) -> bytes:
        longest = self._timing.steps["consume"].timeout_s
        end = Deadline(longest if seconds is None else min(longest, seconds))
        return self._post(
            gateway,
            endpoint,
            body,
            retries=self._retries(end, _PASSING),
            end=end,
            headers={"idempotency-key": idempotency_key},
        )

    def postprocess(
        self, gateway: str, body: Mapping[str, Any], *, seconds: float | None = None
    ) -> PostprocessResult:
        longest = self._timing.steps["collect"].timeout_s
        end = Deadline(longest if seconds is None else min(longest, seconds))
        # Takes minutes, so it is retried at once only if it was refused, not if the answer was
        # lost.
        answer = self._post(
            gateway,
            "/v1/postprocess",
            body,
            retries=self._retries(end, _BUSY, lost=0),
            end=end,
        )
        try:
            return PostprocessResult.model_validate_json(answer)
        except ValidationError:
            raise StageFailed(f"what answers at {gateway} is no gateway of Podium") from None

    def _retries(
        self, end: Deadline, passing: tuple[int, ...], *, lost: int | None = None
    ) -> urllib3.Retry:
        timing = self._timing
        return RetryUntil(
            end=end,
            total=timing.call_tries - 1,
            redirect=0,
            status_forcelist=passing,
            allowed_methods=None,  # also POST: equal frames give equal answers
            backoff_factor=timing.call_backoff_s,
            backoff_jitter=timing.call_backoff_s,
            backoff_max=timing.call_longest_backoff_s,
            retry_after_max=int(timing.call_longest_backoff_s),
            raise_on_status=False,
            read=lost,
            other=lost,
        )

    def _post(
        self,
        gateway: str,
        path: str,
        body: Mapping[str, Any],
        *,
        retries: urllib3.Retry,
        end: Deadline,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        try:
            answer = self._pool.request(
                "POST",
                f"{gateway.rstrip('/')}{path}",
                body=orjson.dumps(body),
                headers={**self._headers, **(headers or {})},
                retries=retries,
                redirect=False,
                timeout=TimeoutUntil(end, connect=_CONNECT_S),
            )
        except (LocationParseError, LocationValueError):
            raise SetupError(f"{gateway} is not the address of a gateway") from None
        except MaxRetryError as error:
            raise _unanswered(gateway, error.reason) from None
        except HTTPError as error:
            raise _unanswered(gateway, error) from None
        if answer.status != _OK:
            raise _refusal(answer)
        return bytes(answer.data)


def _unanswered(gateway: str, reason: Exception | None) -> PodiumError:
    if isinstance(reason, NewConnectionError | ConnectTimeoutError):
        return Unavailable(f"the gateway at {gateway} cannot be reached")
    if isinstance(reason, ReadTimeoutError):
        return DeadlineExceeded(f"the gateway at {gateway} did not answer in time")
    return StageFailed(f"the gateway at {gateway} hung up before it answered")


def _refusal(answer: urllib3.BaseHTTPResponse) -> PodiumError:
    message = read_error(bytes(answer.data))
    kind = BY_STATUS.get(answer.status, StageFailed)
    if kind is Overloaded:
        after = answer.headers.get("retry-after", "")
        return Overloaded(message, retry_after_s=float(after) if after.isdigit() else 1.0)
    return kind(message)
