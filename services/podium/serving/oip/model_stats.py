"""Statistics of a model, in the shape of Triton's statistics extension.

Source: Triton's HTTP protocol, "Statistics Extension". Times are in nanoseconds and add up since
the model was loaded; perf_analyzer takes differences.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from podium.serving.observing.batches import BatchObserver, Execution
from podium.serving.observing.phases import EnginePhases
from podium.serving.observing.request_context import RequestContext, current_request


@dataclass(slots=True)
class _Total:
    """How often something happened, and how long it took altogether."""

    count: int = 0
    ns: int = 0

    def add(self, seconds: float, *, count: int = 1, weight: int = 1) -> None:
        self.count += count
        self.ns += weight * round(seconds * 1e9)

    def to_json(self) -> dict[str, int]:
        return {"count": self.count, "ns": self.ns}


@dataclass(slots=True)
class _Compute:
    """The three parts of a batch: joining the rows, running the model, returning the results."""

    input: _Total = field(default_factory=_Total)
    infer: _Total = field(default_factory=_Total)
    output: _Total = field(default_factory=_Total)

    def add(self, execution: Execution, *, count: int, weight: int) -> None:
        self.input.add(execution.join_s, count=count, weight=weight)
        self.infer.add(execution.infer_s, count=count, weight=weight)
        self.output.add(execution.scatter_s, count=count, weight=weight)

    def to_json(self) -> dict[str, dict[str, int]]:
        return {
            "compute_input": self.input.to_json(),
            "compute_infer": self.infer.to_json(),
            "compute_output": self.output.to_json(),
        }


class ModelStatistics(BatchObserver):
    """Statistics of one version of one model; all methods are called on the event loop.

    Args:
        batched: Whether a batcher reports waits and executions (see ``BatchObserver``). Without
            one, every request is one inference and one execution.
    """

    def __init__(self, *, batched: bool = False) -> None:
        self._batched = batched
        self._last_inference_ms = 0  # since the epoch
        self._inferences = 0
        self._executions = 0
        self._success = _Total()
        self._fail = _Total()
        self._queue = _Total()
        self._compute = _Compute()
        self._batches: dict[int, _Compute] = {}  # by rows

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count the block as one request; it fails if the block raises or is cancelled."""
        started = time.perf_counter()
        try:
            yield
        except BaseException:
            self._fail.add(time.perf_counter() - started)
            raise
        took = time.perf_counter() - started
        self._success.add(took)
        if not self._batched:
            request = current_request()
            self.queued(request, 0)
            self.executed(
                Execution(
                    rows=1,
                    refused_rows=0,
                    requests=(request,),
                    new_requests=1,
                    engine_calls=1,
                    join_s=0,
                    infer_s=took,
                    scatter_s=0,
                    phases=EnginePhases(0, took, 0),
                )
            )

    def queued(self, request: RequestContext, seconds: float) -> None:
        del request
        self._queue.add(seconds)

    def executed(self, execution: Execution) -> None:
        """Count a batch. As in Triton, each of its requests is charged its whole time."""
        self._last_inference_ms = time.time_ns() // 1_000_000
        self._inferences += execution.rows - execution.refused_rows
        self._executions += execution.engine_calls
        self._compute.add(execution, count=execution.new_requests, weight=len(execution.requests))
        of_size = self._batches.setdefault(execution.rows, _Compute())
        of_size.add(execution, count=1, weight=1)

    def to_json(self, name: str, version: str) -> dict[str, Any]:
        """One element of ``model_stats``; cache hits and misses are 0, as there is no cache."""
        return {
            "name": name,
            "version": version,
            "last_inference": self._last_inference_ms,
            "inference_count": self._inferences,
            "execution_count": self._executions,
            "inference_stats": {
                "success": self._success.to_json(),
                "fail": self._fail.to_json(),
                "queue": self._queue.to_json(),
                **self._compute.to_json(),
                "cache_hit": _Total().to_json(),
                "cache_miss": _Total().to_json(),
            },
            "batch_stats": [
                {"batch_size": rows, **compute.to_json()}
                for rows, compute in sorted(self._batches.items())
            ],
        }
