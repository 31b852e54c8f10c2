"""Calls of NVIDIA's driver: lists the graphics cards and allocates pinned memory.

A copy between host and card can overlap with computation only if the host memory is pinned
(page-locked). ONNX Runtime's Python interface cannot allocate such memory, so it is allocated
here. Source: CUDA Driver API, ``libcuda.so.1``, which is part of every driver, for any version of
the CUDA libraries.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from podium.errors import SetupError

LIBRARY = "libcuda.so.1"
_PORTABLE = 1  # pinned for every context of the process
_NAME_BYTES = 128


class CudaDriver:
    """The driver of this machine's graphics cards.

    Raises:
        SetupError: there is no driver, it does not work, or it finds no card.
    """

    def __init__(self) -> None:
        try:
            self._library = ctypes.CDLL(LIBRARY)
        except OSError as error:
            raise SetupError(
                f"no NVIDIA driver: {error}. Install it on the machine; a container needs a GPU "
                "assigned to it (nvidia.com/gpu in Kubernetes, --gpus in Docker)"
            ) from error
        self._call("cuInit", ctypes.c_uint(0))
        self.cards = self._cards()
        if not self.cards:
            raise SetupError("the NVIDIA driver sees no graphics card; assign one to the container")
        self._context: ctypes.c_void_p | None = None

    def pinned(self, size: int) -> NDArray[np.uint8]:
        """Page-locked host memory of ``size`` bytes, freed with the last array that uses it."""
        address = ctypes.c_void_p()
        with self._current_context():
            self._call(
                "cuMemHostAlloc",
                ctypes.byref(address),
                ctypes.c_size_t(size),
                ctypes.c_uint(_PORTABLE),
            )
        assert address.value is not None  # noqa: S101 - the call has succeeded
        memory = (ctypes.c_uint8 * size).from_address(address.value)
        weakref.finalize(memory, self._free, address).atexit = False  # at exit the driver has ended
        return np.ctypeslib.as_array(memory)

    def _free(self, address: ctypes.c_void_p) -> None:
        with self._current_context():
            self._call("cuMemFreeHost", address)

    @contextmanager
    def _current_context(self) -> Iterator[None]:
        """Make the first card's context current; all libraries of a process share it."""
        if self._context is None:
            context = ctypes.c_void_p()
            self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), ctypes.c_int(0))
            self._context = context
        self._call("cuCtxPushCurrent_v2", self._context)
        try:
            yield
        finally:
            self._call("cuCtxPopCurrent_v2", ctypes.byref(ctypes.c_void_p()))

    def _cards(self) -> tuple[str, ...]:
        count = ctypes.c_int()
        self._call("cuDeviceGetCount", ctypes.byref(count))
        names = []
        for number in range(count.value):
            name = ctypes.create_string_buffer(_NAME_BYTES)
            self._call("cuDeviceGetName", name, ctypes.c_int(_NAME_BYTES), ctypes.c_int(number))
            names.append(name.value.decode(errors="replace"))
        return tuple(names)

    def _call(self, function: str, *arguments: Any) -> None:
        code = getattr(self._library, function)(*arguments)
        if code == 0:
            return
        text = ctypes.c_char_p()
        self._library.cuGetErrorString(ctypes.c_int(code), ctypes.byref(text))
        reason = text.value.decode(errors="replace") if text.value else "unknown"
        raise SetupError(f"the NVIDIA driver fails in {function}: {reason} (code {code})")


@cache
def cuda_driver() -> CudaDriver:
    """The driver, loaded once per process. Raises SetupError."""
    return CudaDriver()
