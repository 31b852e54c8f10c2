"""The time budget of a request, carried along with its work."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from contextvars import ContextVar

from podium.errors import DeadlineExceeded, InvalidInput
from podium.wire import Parameter

ENVOY_TIMEOUT = "x-envoy-expected-rq-timeout-ms"
"""Header by which Envoy and Istio tell a service how long they will wait."""

_LONGEST_S = 365 * 86_400.0
"""A longer budget counts as none: it would not fit the whole numbers of the protocol."""

_deadline: ContextVar[float] = ContextVar("deadline", default=math.inf)
"""On the clock of ``time.monotonic``, so that changes of the wall clock do not matter."""


def remaining_s() -> float:
    """Seconds left of the current request's budget; infinite without a deadline."""
    return _deadline.get() - time.monotonic()


def deadline() -> float:
    """The current request's deadline on the clock of ``time.monotonic``."""
    return _deadline.get()


def budget_s(parameters: dict[str, Parameter], header: str | None) -> float:
    """The smaller of the OIP ``timeout`` parameter (microseconds) and Envoy's header (ms), in s.

    Zero (as in Triton), absent and over a year mean no limit. Raises InvalidInput.
    """
    budgets = [math.inf]
    timeout_us = parameters.get("timeout", 0)
    if isinstance(timeout_us, bool) or not isinstance(timeout_us, int) or timeout_us < 0:
        raise InvalidInput("must be a whole number of microseconds", field="parameters.timeout")
    if timeout_us:
        budgets.append(timeout_us / 1e6)
    if header:
        if not (header.isascii() and header.isdigit()):
            raise InvalidInput("must be a whole number of milliseconds", field=ENVOY_TIMEOUT)
        if timeout_ms := float(header):
            budgets.append(timeout_ms / 1e3)
    budget = min(budgets)
    return budget if budget <= _LONGEST_S else math.inf


@asynccontextmanager
async def time_limit(budget: float, what: str) -> AsyncIterator[None]:
    """Cancel the block when ``budget`` seconds, or an outer limit, have passed.

    Raises:
        DeadlineExceeded: names ``what``, unless the block itself has raised it.
    """
    until = min(time.monotonic() + budget, _deadline.get())
    token = _deadline.set(until)
    try:
        async with (
            nullcontext() if math.isinf(until) else asyncio.timeout(until - time.monotonic())
        ):
            yield
    except TimeoutError:
        raise DeadlineExceeded(f"{what}: the time budget has run out") from None
    finally:
        _deadline.reset(token)
