"""Measures the cost of a network with its adapter, alternating with the bare engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from podium.engines.opening import open_session
from podium.engines.options import EngineOptions
from podium.engines.recording import RecordingSession
from podium.models.adapter import load_adapter
from podium.models.repository import StoredModel
from podium.wire import Tensors, TensorSpec
from podium.zoo.flops import flops_per_row

_BOX = (100, 50, 500, 700)  # xyxy of a person in a 720p frame
_INTRINSICS = (1500, 1500, 640, 360)  # fx, fy, cx, cy


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of one image."""

    wall_ms: float
    cpu_ms: float  # of all threads of the process


@dataclass(frozen=True, slots=True)
class Round:
    """One round of the three ways to run the same images, alternating."""

    podium: Cost  # adapter and engine, as in a service
    bare: Cost  # only ONNX Runtime on prepared tensors, row by row, as Podium's engine runs it
    bare_batch: Cost  # the same in one call for the whole batch


@dataclass(frozen=True, slots=True)
class NetworkCost:
    """A model at one batch size."""

    model: StoredModel
    batch: int
    gflop: float  # per image
    rounds: tuple[Round, ...]


class ComparedNetwork:
    """A model, loaded behind its adapter and bare.

    Pixels are random: the time that a network takes does not depend on them.

    Args:
        model: A verified model of the repository.
        batch: Images per call.
        threads: Processor threads of each.
    """

    def __init__(self, model: StoredModel, *, batch: int, threads: int) -> None:
        weights = model.verified_weights()
        self.model, self.batch = model, batch
        self.gflop = flops_per_row(weights) / 1e9
        options = EngineOptions(threads=threads)
        recorder = RecordingSession(open_session(weights, options))
        task = model.manifest.tasks[0]
        self._adapter = load_adapter(model.manifest, weights, task, lambda _: recorder)
        self._inputs: Tensors = {
            spec.name: _values(spec, batch) for spec in self._adapter.inputs if not spec.optional
        }
        with recorder.recording():
            self._adapter(self._inputs)
        self._calls = recorder.take()
        # Each way has its own session, so that no way finds its weights in the cache.
        self._bare = _bare_session(weights, threads)
        self._bare_batch = _bare_session(weights, threads)
        fixed_rows = isinstance(self._bare.get_inputs()[0].shape[0], int)
        self._rows_per_call = 1 if fixed_rows else batch

    def measure(self, seconds: float) -> Round:
        """Run all ways alternately for about ``seconds``, each at least once."""
        ways: tuple[Callable[[], object], ...] = (
            lambda: self._adapter(self._inputs),
            lambda: self._run_bare(self._bare, 1),
            lambda: self._run_bare(self._bare_batch, self._rows_per_call),
        )
        spent = np.zeros((len(ways), 2))  # wall and CPU seconds of each
        turns, started = 0, time.perf_counter()
        while not turns or time.perf_counter() - started < seconds:
            for way, run in enumerate(ways):
                before = time.perf_counter(), time.process_time()
                run()
                spent[way] += time.perf_counter() - before[0], time.process_time() - before[1]
            turns += 1
        per_image_ms = spent * 1e3 / (turns * self.batch)
        return Round(*(Cost(float(wall), float(cpu)) for wall, cpu in per_image_ms))

    def _run_bare(self, session: Any, rows: int) -> None:
        for feeds in self._calls:
            for start in range(0, self.batch, rows):
                piece = {name: feed[start : start + rows] for name, feed in feeds.items()}
                session.run(None, piece)


def _bare_session(weights: Path, threads: int) -> Any:
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(str(weights), settings, providers=["CPUExecutionProvider"])


def _values(spec: TensorSpec, rows: int) -> NDArray[Any]:
    if spec.name == "boxes":
        return np.tile(np.array(_BOX, np.float32), (rows, 1))
    if spec.name == "intrinsics":
        return np.tile(np.array(_INTRINSICS, np.float32), (rows, 1))
    return np.random.default_rng(0).integers(0, 256, (rows, *spec.shape[1:]), np.uint8)
