"""An executor that measures the wait for a thread and the work as phases of the request."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

from podium.serving.observing.request_context import RequestContext, current_request
from podium.serving.observing.telemetry import Metrics

P = ParamSpec("P")
T = TypeVar("T")


class MeteredExecutor(Executor):
    """Submits to another executor; the phases are ``queue`` and ``infer``.

    Args:
        executor: Does the work; its owner shuts it down.
        stage: Name in metrics.
        metrics: Where to count.
    """

    def __init__(self, executor: Executor, stage: str, metrics: Metrics) -> None:
        self._executor = executor
        self._stage = stage
        self._metrics = metrics

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run ``fn`` in a thread, on behalf of the caller's request."""
        request = current_request()
        submitted = time.perf_counter()

        def work() -> T:
            self._metrics.observe_phase(
                self._stage, "queue", time.perf_counter() - submitted, request
            )
            return self._timed(request, fn, *args, **kwargs)

        return self._executor.submit(work)

    def run_here(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``fn`` at once in the caller's thread: for work shorter than waking a thread."""
        return self._timed(current_request(), fn, *args, **kwargs)

    def _timed(
        self, request: RequestContext, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        started = time.perf_counter()
        try:
            return fn(*args, **kwargs)
        finally:
            seconds = time.perf_counter() - started
            self._metrics.observe_phase(self._stage, "infer", seconds, request)
