"""Calls one service over the Open Inference Protocol, with binary tensors both ways."""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson

from podium.backoff import backoff_s
from podium.errors import (
    BY_STATUS,
    DeadlineExceeded,
    NotFound,
    Overloaded,
    PodiumError,
    StageFailed,
    Unavailable,
    Unprocessable,
)
from podium.serving.calling.balancer import Balancer, Replica, RetryBudget
from podium.serving.calling.connections import (
    AnswerLostError,
    ConnectError,
    Connections,
    HttpAnswer,
    Part,
)
from podium.serving.calling.endpoints import Endpoints
from podium.serving.observing.deadline import remaining_s
from podium.serving.observing.request_context import current_request, read_server_timing
from podium.serving.observing.telemetry import CallMetrics, Metrics
from podium.wire import (
    HEADER_LENGTH,
    InferResult,
    Parameter,
    Tensors,
    read_error,
    read_response,
    write_request,
)

T = TypeVar("T")

_MAX_ATTEMPTS = 5
_PROBE_S = 0.5
_MOST_LOSSES = 2
"""One replica may die by chance while it works on a request. After two, the request itself is
suspected: sent on, it could kill all replicas."""
_BACKOFF_S = 0.05
_MAX_BACKOFF_S = 2.0


@dataclass(slots=True)
class Attempts:
    """The attempts so far for some rows, over all calls that these rows were part of."""

    most: int = _MAX_ATTEMPTS
    """Most attempts of one call."""
    tried: set[str] = field(default_factory=set)
    """Addresses of replicas that failed."""
    losses: int = 0
    """Replicas that died while they may have been at work on it."""

    def go_on(self) -> Attempts:
        """For the next call, which has all its attempts."""
        return Attempts(tried=self.tried.copy(), losses=self.losses)


class OipClient:
    """A client of one stage, over all its replicas.

    Calls are idempotent. Failures that may pass (no connection, 429, 502, 503, 504) are retried
    with full jitter, within the deadline and the retry budget. Lost connections are outside the
    budget: a replica that dies fails all its calls at once and works on none of them. A request
    that two replicas were working on when they died is not sent to a third.

    A model whose run takes minutes should not run twice at the same time: where it is not
    ``repeatable``, a call is retried only if no replica has begun it, so replicas ask for its body.

    Args:
        connections: To the replicas; shared by the stages.
        stage: Name of the stage in errors.
        endpoints: Where the replicas are.
        metrics: Where to count; None: the calls are not counted.
        timeout_s: The longest wait for an answer.
        repeatable: Whether a model may be run again while a replica may still be running it.
    """

    def __init__(
        self,
        connections: Connections,
        stage: str,
        endpoints: Endpoints,
        metrics: CallMetrics | None = None,
        *,
        timeout_s: float = 120.0,
        repeatable: bool = True,
    ) -> None:
        self._connections = connections
        self._timeout_s = timeout_s
        self._repeatable = repeatable
        self._metrics = metrics or Metrics("client").calls(stage)
        self.stage = stage
        self.balancer = Balancer(stage, endpoints)
        self._metrics.watch_replicas(lambda: self.replicas)
        self._budget = RetryBudget()

    @property
    def replicas(self) -> int:
        """How many replicas are known."""
        return len(self.balancer.endpoints.addresses())

    async def infer(
        self,
        model: str,
        inputs: Tensors,
        parameters: Mapping[str, Parameter] | None = None,
        *,
        address: str | None = None,
        call: str | None = None,
        attempts: Attempts | None = None,
    ) -> InferResult:
        """Run a model.

        Args:
            model: ``name`` or ``name@version``.
            inputs: Named arrays.
            parameters: Request parameters.
            address: Base URL of the only replica that can answer; then only 429 is retried.
                None: any replica.
            call: Name in metrics and timings, for a stage with several models; None: the stage.
            attempts: Those of earlier calls with these rows; the attempts of this one are added.

        Raises:
            Unprocessable: two replicas died while they worked on the request.
            PodiumError: the error that the stage answered; Unavailable when it does not answer,
                or StageFailed instead when the run may not be repeated.
        """
        path = f"{_model_path(model)}/infer"
        rows = max(1, max((a.shape[0] if a.ndim else 1 for a in inputs.values()), default=1))

        name = call or self.stage

        async def attempt(base: str) -> InferResult:
            body = write_request(inputs, {**(parameters or {}), **_timeout()})
            started = time.perf_counter()
            with current_request().call(self.stage, model) as headers:
                answer = await self._call("POST", base, path, body.headers | headers, body.parts)
            self._note_transfer(name, time.perf_counter() - started, answer.headers)
            return read_response(answer.body, answer.headers.get(HEADER_LENGTH))

        started = time.perf_counter()
        try:
            return await self._with_retries(attempt, rows, address, self._repeatable, attempts)
        finally:
            seconds = time.perf_counter() - started
            self._metrics.observe_call(name, seconds)
            current_request().add_call(name, seconds)

    def _note_transfer(self, call: str, seconds: float, headers: Mapping[str, str]) -> None:
        """Count as transfer the time of a call that the stage did not report as its own."""
        phases = read_server_timing(headers.get("server-timing", ""))
        if "total" in phases:
            transfer_s = max(0.0, seconds - phases["total"] + phases.get("receive", 0.0))
            self._metrics.observe_transfer(call, transfer_s)
            current_request().add_transfer(transfer_s)

    async def metadata(self, model: str) -> dict[str, Any]:
        """The metadata of a model. Raises NotFound or Unavailable."""

        async def call(base: str) -> dict[str, Any]:
            with current_request().call(self.stage, model) as headers:
                answer = await self._call("GET", base, _model_path(model), headers)
            decoded = orjson.loads(answer.body)
            if not isinstance(decoded, dict):
                raise StageFailed(f"{self.stage}: metadata of {model} is not an object")
            return decoded

        return await self._with_retries(call, rows=1)

    async def _with_retries(
        self,
        call: Callable[[str], Awaitable[T]],
        rows: int,
        only: str | None = None,
        repeatable: bool = True,
        attempts: Attempts | None = None,
    ) -> T:
        """Call replicas until one answers, within deadline and budget."""
        attempts = attempts or Attempts()
        self._budget.first_attempt()
        for attempt in itertools.count(1):
            with self.balancer.pick(rows, avoid=attempts.tried, only=only) as replica:
                started = time.monotonic()
                try:
                    answer = await call(replica.address)
                except _RETRYABLE as error:
                    self._judge(replica, error, started)
                    attempts.tried.add(replica.address)
                    if repeatable and only is None:
                        attempts.losses += await self._has_died(replica, error)
                    if attempts.losses >= _MOST_LOSSES:
                        raise Unprocessable(
                            f"{self.stage}: {attempts.losses} replicas were lost while they worked "
                            "on this request, so it is not passed on to another one"
                        ) from None
                    is_last = attempt == attempts.most
                    pause_s = self._pause_s(error, attempt, only, repeatable, is_last)
                    self._metrics.retries.inc()
                    failed = error
                except PodiumError:
                    self.balancer.succeeded(replica)
                    raise
                else:
                    self.balancer.succeeded(replica)
                    return answer
            try:
                await asyncio.sleep(pause_s)
            except asyncio.CancelledError:
                if remaining_s() > 0:
                    raise
                raise failed from None  # the time is up during the pause
            finally:
                del failed  # its traceback keeps this frame, and so the data that was sent
        raise AssertionError("unreachable")

    def _pause_s(
        self, error: PodiumError, attempt: int, only: str | None, repeatable: bool, is_last: bool
    ) -> float:
        """The pause before the next attempt; raises the error where there must be none."""
        if not repeatable:
            if isinstance(error, _AnswerLost | _ProxyFailed):
                raise StageFailed(error.message) from None  # callers would retry Unavailable
            if isinstance(error, DeadlineExceeded):
                raise error
        # ``Retry-After`` of the replica counts.
        told_s = error.retry_after_s if isinstance(error, Overloaded) else 0.0
        pause_s = backoff_s(attempt, first_s=_BACKOFF_S, longest_s=_MAX_BACKOFF_S, told_s=told_s)
        curable = only is None or isinstance(error, Overloaded)
        if not curable or is_last or pause_s >= remaining_s():
            raise error
        if not (isinstance(error, _ConnectionLost) or self._budget.may_retry()):
            raise error
        return pause_s

    async def _has_died(self, replica: Replica, error: PodiumError) -> bool:
        """Whether a replica died at work; if it still answers, only the connection was lost."""
        if not isinstance(error, _AnswerLost):
            return False
        try:
            async with asyncio.timeout(min(_PROBE_S, max(remaining_s(), 0.0))):
                await self._connections.call("GET", replica.address, "/v2/health/live", {}, ())
        except (TimeoutError, ConnectError, AnswerLostError):
            return True
        return False

    def _judge(self, replica: Replica, error: PodiumError, started: float) -> None:
        """Tell the balancer of a failed attempt; a full queue is a sign of health."""
        ejected_until = replica.ejected_until
        if isinstance(error, _NoAnswer):
            self.balancer.silent(replica, started)
        elif isinstance(error, Overloaded | DeadlineExceeded):
            self.balancer.succeeded(replica)
        else:
            self.balancer.failed(replica)
        if replica.ejected_until > ejected_until:
            self._metrics.ejections.inc()

    async def _call(
        self,
        method: str,
        base: str,
        path: str,
        headers: Mapping[str, str],
        body: Sequence[Part] = (),
    ) -> HttpAnswer:
        try:
            async with asyncio.timeout(self._patience_s()):
                answer = await self._connections.call(
                    method,
                    base,
                    path,
                    headers,
                    body,
                    asks_first=bool(body and not self._repeatable),
                )
        except TimeoutError:
            raise _NoAnswer(f"{self.stage}: no answer in time") from None
        except asyncio.CancelledError:
            if remaining_s() > 0:
                raise
            # An outer time limit ended this call; the error still names the slow stage.
            raise _NoAnswer(f"{self.stage}: no answer in time") from None
        except ConnectError as error:
            raise _ConnectionLost(f"{self.stage}: does not answer ({error})") from None
        except AnswerLostError as error:
            raise _AnswerLost(f"{self.stage}: does not answer ({error})") from None
        self._metrics.received_bytes.inc(len(answer.body))
        if answer.status != 200:
            raise _error(self.stage, answer.status, answer.body, answer.headers)
        return answer

    def _patience_s(self) -> float:
        """The timeout of a call: the rest of the request's budget, at most ``timeout_s``."""
        # A little less than the budget, so that the error names the stage that was slow.
        left = remaining_s()
        return min(self._timeout_s, max(0.001, left - min(0.05, 0.1 * left)))


class _ConnectionLost(Unavailable):
    """There was no connection, or it ended before the answer."""


class _AnswerLost(_ConnectionLost):
    """The connection ended while the replica may have been at work."""


class _ProxyFailed(Unavailable):
    """A proxy lost the replica, or did not reach it in time."""


class _NoAnswer(DeadlineExceeded):
    """The replica did not answer in time."""


_RETRYABLE = (Overloaded, Unavailable, DeadlineExceeded)


def _timeout() -> dict[str, Parameter]:
    """The rest of the budget, as the protocol's ``timeout`` in microseconds."""
    left = remaining_s()
    return {"timeout": max(1, int(left * 1e6))} if math.isfinite(left) else {}


def _model_path(model: str) -> str:
    name, _, version = model.partition("@")
    return f"/v2/models/{name}" + (f"/versions/{version}" if version else "")


def _error(stage: str, status: int, data: bytes, headers: Mapping[str, str]) -> PodiumError:
    message = read_error(data)
    kind = BY_STATUS.get(status, StageFailed)
    if status in (408, 502):  # 408: this client or the network was too slow
        kind = _ProxyFailed
    if kind is Overloaded:
        return Overloaded(message, retry_after_s=_retry_after_s(headers))
    if kind is StageFailed or issubclass(kind, NotFound | Unavailable | DeadlineExceeded):
        return kind(message if message.startswith(stage) else f"{stage}: {message}")
    return kind(message)  # a mistake of the caller: the message of the stage names the field


def _retry_after_s(headers: Mapping[str, str]) -> float:
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        if headers.get(name, "").isdigit():
            return int(headers[name]) * unit
    return 1.0
