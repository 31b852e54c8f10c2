"""Serves a model of the repository: an adapter behind a batcher."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from concurrent.futures import Executor
from pathlib import Path

from podium.engines.opening import PLATFORMS
from podium.engines.session import SessionFactory
from podium.errors import InvalidInput, SetupError
from podium.models.adapter import Adapter, load_adapter
from podium.models.manifest import Manifest, Task
from podium.serving.hosting.batcher import Batcher
from podium.serving.hosting.engine_phases import timed_sessions
from podium.serving.observing.batches import BatchObservers
from podium.serving.observing.telemetry import Metrics
from podium.serving.oip.batching import BatchLimits
from podium.serving.oip.catalogue import Entry
from podium.serving.oip.model_stats import ModelStatistics
from podium.stages.models import failed_parameters
from podium.wire import InferRequest, InferResult, Parameter, Tensors, TensorSpec
from podium.wire.rows import row_index_of

_log = logging.getLogger("podium.models")


class EngineModel:
    """A served model of the repository; its engine runs in threads, not on the event loop."""

    def __init__(self, manifest: Manifest, adapter: Adapter, batcher: Batcher) -> None:
        self.name = manifest.name
        self.version = str(manifest.version)
        self.platform = PLATFORMS.get(Path(manifest.weights).suffix, "podium")
        self._adapter = adapter
        self._batcher = batcher

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """Input tensors of the adapter."""
        return self._adapter.inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """Output tensors of the adapter."""
        return self._adapter.outputs

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """Facts that callers need, published in the metadata."""
        return self._adapter.facts.to_parameters()

    async def infer(self, request: InferRequest) -> InferResult:
        """Run the rows of the request, batched with those of others.

        ``failed_parameters`` names the rows that the engine refuses; the other rows are valid.

        Raises:
            InvalidInput: the inputs differ in their number of rows.
            PodiumError: see ``Batcher.infer``.
        """
        _check_rows(request.inputs)
        result = await self._batcher.infer(request.inputs)
        return InferResult(result.outputs, failed_parameters(result.failed))


def _check_rows(inputs: Tensors) -> None:
    """Raise InvalidInput unless all inputs have equally many rows."""
    (first, rows), *others = ((name, len(array)) for name, array in inputs.items())
    for name, count in others:
        if count != rows:
            raise InvalidInput(f"has {count} rows, but {first} has {rows}", field=name)


class EngineModelLoader:
    """Makes served models from weights.

    Args:
        task: The task that they serve.
        open_session: Loads weights into an engine.
        executor: Threads that all engines share.
        instances: Engine calls of one model at the same time.
        limits: Sizes of batches and queues.
        metrics: Where to count.
        divides: See ``Batcher``.
    """

    def __init__(
        self,
        task: Task,
        open_session: SessionFactory,
        executor: Executor,
        *,
        instances: int,
        limits: BatchLimits,
        metrics: Metrics,
        divides: bool = False,
    ) -> None:
        self._task = task
        self._open_session = timed_sessions(open_session)
        self._executor = executor
        self._instances = instances
        self._limits = limits
        self._metrics = metrics
        self._divides = divides

    def __call__(self, manifest: Manifest, weights: Path) -> Entry:
        """Load verified weights and run them once; blocks.

        Raises:
            SetupError: the weights do not fit the model family, or do not run.
        """
        started = time.monotonic()
        reference = f"{manifest.name}@{manifest.version}"
        adapter = load_adapter(manifest, weights, self._task, self._open_session)
        _warm_up(adapter, reference, self._limits.max_batch)
        _log.info("%s is warm after %.2f s", reference, time.monotonic() - started)
        statistics = ModelStatistics(batched=True)
        batcher = Batcher(
            adapter,
            self._executor,
            instances=self._instances,
            limits=self._limits,
            stage=self._task,
            observer=BatchObservers(self._metrics.batches(manifest.name), statistics),
            row_index=row_index_of(adapter.outputs),
            divides=self._divides,
        )
        return Entry(EngineModel(manifest, adapter, batcher), statistics, self._limits)


def _warm_up(adapter: Adapter, reference: str, rows: int) -> None:
    """Compute a full batch of zeros, so that no request pays for the engine's first allocations."""
    zeros = {spec.name: spec.zeros(rows) for spec in adapter.inputs if not spec.optional}
    try:
        adapter(zeros)
    except Exception as error:  # engines may raise anything
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SetupError(f"model {reference} does not run: {reason}") from error
