"""What every inference engine looks like to the models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from podium.wire import TensorSpec


class Session(Protocol):
    """Loaded weights, ready to run. ``run`` may be called from several threads at once."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """Input tensors; -1 is a variable dimension."""
        ...

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """Output tensors; -1 is a variable dimension."""
        ...

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Compute every output from every input."""
        ...


SessionFactory = Callable[[Path], Session]
"""Loads a weights file. Raises SetupError."""
