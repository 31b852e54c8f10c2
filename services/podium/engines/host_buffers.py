"""Runs an ONNX Runtime session with host buffers that a graphics card copies by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from podium.engines.onnx_tensors import numpy_type


class HostBufferedRuns:
    """Runs a session with a fixed number of sets of buffers.

    Args:
        session: An ONNX Runtime session.
        in_flight: Number of sets, and so of runs at the same time; further callers wait.
        allocate: Allocates host memory of a number of bytes.
    """

    def __init__(
        self, session: Any, in_flight: int, allocate: Callable[[int], NDArray[np.uint8]]
    ) -> None:
        self._free: SimpleQueue[_Run] = SimpleQueue()
        for _ in range(in_flight):
            self._free.put(_Run(session, allocate))

    def __call__(self, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Compute every output, in the order of the graph."""
        run = self._free.get()
        try:
            return run(feeds)
        finally:
            self._free.put(run)


class _Run:
    """One set of buffers, for one run at a time; they grow to the largest batch so far."""

    def __init__(self, session: Any, allocate: Callable[[int], NDArray[np.uint8]]) -> None:
        self._session = session
        self._allocate = allocate
        self._outputs = session.get_outputs()
        self._batch_dimension = session.get_inputs()[0].shape[0]  # its name in the graph
        self._memory: dict[str, NDArray[np.uint8]] = {}

    def __call__(self, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        binding = self._session.io_binding()
        for name, feed in feeds.items():
            staged = self._buffer(name, feed.shape, feed.dtype)
            np.copyto(staged, feed)
            binding.bind_input(name, "cpu", 0, staged.dtype, staged.shape, staged.ctypes.data)
        rows = len(next(iter(feeds.values())))
        staged_outputs = [self._bind_output(binding, node, rows) for node in self._outputs]
        self._session.run_with_iobinding(binding)
        return [
            value.numpy() if staged is None else staged.copy()
            for value, staged in zip(binding.get_outputs(), staged_outputs, strict=True)
        ]

    def _bind_output(self, binding: Any, node: Any, rows: int) -> NDArray[Any] | None:
        """Bind a buffer if only the rows vary; else (None) the engine allocates the output."""
        first, *others = node.shape
        if first != self._batch_dimension or not all(isinstance(size, int) for size in others):
            binding.bind_output(node.name, "cpu")
            return None
        staged = self._buffer(node.name, (rows, *others), numpy_type(node))
        binding.bind_output(node.name, "cpu", 0, staged.dtype, staged.shape, staged.ctypes.data)
        return staged

    def _buffer(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        size = int(np.prod(shape)) * dtype.itemsize
        memory = self._memory.get(name)
        if memory is None or memory.nbytes < size:
            memory = self._memory[name] = self._allocate(size)
        return memory[:size].view(dtype).reshape(shape)
