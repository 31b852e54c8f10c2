"""Joins small calls that concurrent requests make of one service into one call."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import logging
import sys
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from podium.errors import DeadlineExceeded, PodiumError
from podium.serving.calling.client import Attempts, OipClient
from podium.serving.observing.deadline import deadline, remaining_s, time_limit
from podium.serving.observing.request_context import (
    RequestContext,
    current_request,
    enter_request,
)
from podium.serving.observing.telemetry import CallMetrics
from podium.stages.models import read_failed
from podium.wire import InferResult, Parameter, Tensors, bytes_tensor
from podium.wire.rows import join_rows, take_rows

_log = logging.getLogger("podium.calls")

_FEW_ROWS = 4
_FEW_BYTES = 2 << 20
"""Larger calls are not joined: what a call costs by itself is little beside its rows."""

_MOST_CALLS = 8
_FEWEST = 8
"""Requests in work for each replica below which nobody waits."""

_LONGEST_REST = 64
"""Most calls in a row that do not wait for others after joining has failed or was in vain."""


@dataclass(eq=False, slots=True)
class _SmallCall:
    """A call that waits for others."""

    inputs: Tensors
    rows: int
    parameters: Mapping[str, Parameter]
    request: RequestContext
    deadline: float
    done: asyncio.Future[InferResult | Attempts]  # Attempts: it has to be made by itself


@dataclass(eq=False, slots=True)
class _Group:
    """Calls that can be joined."""

    send: Callable[[], None]
    waiting: list[_SmallCall] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None


class Company:
    """Turns of the requests that make small calls, how many have theirs (``size``), and who waits.

    Args:
        most: Most turns at the same time; others wait, in order.
    """

    def __init__(self, most: int = sys.maxsize) -> None:
        self._turns = asyncio.Semaphore(most)
        self._groups: dict[_Group, None] = {}
        self.size = 0

    async def __aenter__(self) -> None:
        await self._turns.acquire()
        self.size += 1

    async def __aexit__(self, *_: object) -> None:
        self.size -= 1
        self._turns.release()

    def waits(self, group: _Group) -> None:
        """Note a group that waits for more calls; where half of all wait, the largest goes."""
        self._groups[group] = None
        if 2 * sum(len(each.waiting) for each in self._groups) >= self.size:
            max(self._groups, key=lambda each: len(each.waiting)).send()

    def goes(self, group: _Group) -> None:
        """Note that a group waits no longer."""
        self._groups.pop(group, None)


@dataclass(frozen=True, slots=True)
class _Common:
    """What calls must have in common to be joined."""

    model: str
    call: str | None
    address: str | None
    parameters: tuple[tuple[str, Parameter], ...]
    tensors: tuple[tuple[str, Any, tuple[int, ...]], ...]


@dataclass(slots=True)
class _Rest:
    """Calls of a model that do not wait for others."""

    left: int = 0
    following: int = 0

    def begin(self) -> None:
        """Begin a rest; the first is empty, for chance, and each is longer than the last one."""
        self.left = self.following
        self.following = min(2 * self.following or 1, _LONGEST_REST)


class JoinedCalls:
    """A client of a service that joins small calls of concurrent requests.

    A call costs the gateway and the service about 2 CPU-ms besides its rows, a fifth of the work
    on a JPEG of 720p. So a small call waits for others, but never longer than ``longest_s``, and
    only while more than half of the requests in work do not wait, at any stage: they keep the
    processors busy. Where half of them wait, the largest group goes. With several replicas, calls
    are joined only so far that each has work: nobody waits where fewer than eight requests are in
    work for each replica.

    The rows of the answer are dealt out. A call whose rows are refused, and every call of those
    that failed together, is made again by itself, with all retries: nobody sees the errors of
    others. Where a second joined call of a model gives nobody an answer (the service is overloaded,
    or does not take so many rows), or a second wait is in vain, the next call is made by itself;
    then the next 2, 4, up to 64, until joining succeeds. Traced requests make their own calls, so
    that their traces show them.

    Args:
        client: Makes the calls.
        company: Tells how many requests in work make small calls.
        longest_s: Longest wait for others.
        metrics: Where to count.
        row_index: See ``take_rows``.
        models: Whose calls can be joined; None: those of all.
        by_row: Parameters that become inputs of the same name, one element for each row.
    """

    def __init__(
        self,
        client: OipClient,
        company: Company,
        metrics: CallMetrics,
        *,
        longest_s: float,
        row_index: str | None = None,
        models: Collection[str] | None = None,
        by_row: tuple[str, ...] = (),
    ) -> None:
        self._client = client
        self._company = company
        self._metrics = metrics
        self._longest_s = longest_s
        self._row_index = row_index
        self._models = models
        self._by_row = by_row
        self._groups: dict[_Common, _Group] = {}
        self._rests: dict[str, _Rest] = {}
        self._sent: set[asyncio.Task[None]] = set()  # event loops keep only weak references

    async def metadata(self, model: str) -> dict[str, Any]:
        """The metadata of a model. Raises NotFound or Unavailable."""
        return await self._client.metadata(model)

    async def infer(
        self,
        model: str,
        inputs: Tensors,
        parameters: Mapping[str, Parameter] | None = None,
        *,
        address: str | None = None,
        call: str | None = None,
    ) -> InferResult:
        """Run a model, together with others or alone. Raises as ``OipClient.infer``."""
        answer: InferResult | Attempts = Attempts()
        if self._wanted() > 1 and self._is_small(model, inputs) and not self._rests_now(model):
            answer = await self._among_others(model, inputs, parameters or {}, address, call)
        if isinstance(answer, InferResult):
            return answer
        return await self._client.infer(
            model, inputs, parameters, address=address, call=call, attempts=answer.go_on()
        )

    def _wanted(self) -> int:
        """The most calls to join."""
        replicas = max(1, self._client.replicas)
        if self._company.size < _FEWEST * replicas:
            return 1
        return min(_MOST_CALLS, self._company.size // (2 * replicas))

    def _is_small(self, model: str, inputs: Tensors) -> bool:
        return (
            (self._models is None or model in self._models)
            and not current_request().trace_id
            and 0 < _rows(inputs) <= _FEW_ROWS
            and sum(array.nbytes for array in inputs.values()) <= _FEW_BYTES
        )

    def _rests_now(self, model: str) -> bool:
        rest = self._rests.get(model)
        if rest is None or rest.left == 0:
            return False
        rest.left -= 1
        return True

    def _note(self, model: str, *, pays: bool) -> None:
        """Note whether it paid to wait for others."""
        if pays:
            self._rests.pop(model, None)
        else:
            self._rests.setdefault(model, _Rest()).begin()

    async def _among_others(
        self,
        model: str,
        inputs: Tensors,
        parameters: Mapping[str, Parameter],
        address: str | None,
        call: str | None,
    ) -> InferResult | Attempts:
        """The answer to a call that was joined with others, or the attempts to get one."""
        started = time.perf_counter()
        loop = asyncio.get_running_loop()
        request = current_request()
        small = _SmallCall(
            inputs, _rows(inputs), parameters, request, deadline(), loop.create_future()
        )
        common = _Common(
            model,
            call,
            address,
            tuple(item for item in sorted(parameters.items()) if item[0] not in self._by_row),
            tuple((name, array.dtype, array.shape[1:]) for name, array in inputs.items()),
        )
        group = self._groups.get(common)
        if group is None:
            group = self._groups[common] = _Group(functools.partial(self._send, common))
            group.timer = loop.call_later(self._longest_s, group.send)
        group.waiting.append(small)
        if len(group.waiting) >= self._wanted():
            group.send()
        else:
            self._company.waits(group)
        try:
            answer = await small.done
        except asyncio.CancelledError:
            if small in group.waiting:
                group.waiting.remove(small)
            if remaining_s() > 0:
                raise
            raise DeadlineExceeded(f"{self._client.stage}: no answer in time") from None
        seconds = time.perf_counter() - started
        if isinstance(answer, InferResult):
            request.add_call(call or self._client.stage, seconds)
        else:  # the call that follows is the one to count
            request.add(call or self._client.stage, seconds)
        return answer

    def _send(self, common: _Common) -> None:
        """Make the calls of a group, for those that still wait."""
        group = self._groups.pop(common)
        self._company.goes(group)
        if group.timer is not None:
            group.timer.cancel()
        calls = [small for small in group.waiting if not small.done.done()]
        group.waiting.clear()
        if len(calls) == 1:
            self._note(common.model, pays=False)
            calls[0].done.set_result(Attempts())
        elif calls:
            task = asyncio.get_running_loop().create_task(
                self._call(common, calls), context=contextvars.Context()
            )
            self._sent.add(task)
            task.add_done_callback(self._sent.discard)

            def end_if_all_are_gone(_: object) -> None:
                if all(small.done.cancelled() for small in calls):
                    task.cancel()

            for small in calls:
                small.done.add_done_callback(end_if_all_are_gone)

    async def _call(self, common: _Common, calls: list[_SmallCall]) -> None:
        """Make one call of several, and deal its answer out."""
        # A caller may have given an id of several.
        ids = (small.request.request_id.partition("~")[0] for small in calls)
        request = RequestContext("~".join(ids))
        enter_request(request)
        attempts = Attempts(most=1)
        latest = max(small.deadline for small in calls)
        pays = False
        try:
            inputs = join_rows([small.inputs for small in calls]) | {
                name: bytes_tensor(*(str(s.parameters[name]) for s in calls for _ in range(s.rows)))
                for name in self._by_row
            }
            async with time_limit(latest - time.monotonic(), self._client.stage):
                answer = await self._client.infer(
                    common.model,
                    inputs,
                    dict(common.parameters),
                    address=common.address,
                    call=common.call,
                    attempts=attempts,
                )
            pays = self._deal_out(answer, calls, request)
        except PodiumError:
            pass  # each learns what became of it by its own call
        except Exception:  # a fault in this code, which must not leave them waiting
            _log.exception("%s: calls could not be joined", self._client.stage)
        finally:
            self._note(common.model, pays=pays)
            for small in calls:
                if not small.done.done():
                    self._metrics.retries.inc()
                    small.done.set_result(attempts)

    def _deal_out(
        self, answer: InferResult, calls: list[_SmallCall], request: RequestContext
    ) -> bool:
        """Give every call its rows, unless one of them is refused; returns whether any got them."""
        if not self._fits(answer.outputs, sum(small.rows for small in calls)):
            return False
        failed = read_failed(answer.parameters, self._client.stage)
        start = dealt = 0
        for small in calls:
            stop = start + small.rows
            if not small.done.done() and not any(start <= row < stop for row in failed):
                small.request.add_transfer(request.phases.get("transfer", 0.0))
                own = take_rows(answer.outputs, start, stop, self._row_index)
                small.done.set_result(InferResult(own))
                self._metrics.joined.inc()
                dealt += 1
            start = stop
        return dealt > 0

    def _fits(self, outputs: Tensors, rows: int) -> bool:
        """Whether the outputs can be dealt out as those of ``rows`` input rows."""
        if self._row_index is not None:
            index = outputs.get(self._row_index)
            if index is None or index.ndim != 1 or np.any((index < 0) | (index >= rows)):
                return False
            rows = len(index)
        return all(array.ndim > 0 and len(array) == rows for array in outputs.values())


def _rows(inputs: Tensors) -> int:
    return len(next(iter(inputs.values()))) if inputs else 0
