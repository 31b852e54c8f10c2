"""The interface of inference engines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from podium.errors import SetupError
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
        """Compute every output for all rows of the feeds; there may be none."""
        ...


SessionFactory = Callable[[Path], Session]
"""Loads a weights file. Raises SetupError."""


def require_tensors(
    session: Session, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]
) -> None:
    """Check that loaded weights have the tensors that a model family needs.

    Raises:
        SetupError: one is missing or differs; the message names it.
    """
    for kind, wanted, found in (
        ("input", inputs, session.inputs),
        ("output", outputs, session.outputs),
    ):
        by_name = {spec.name: spec for spec in found}
        for spec in wanted:
            if spec != by_name.get(spec.name):
                raise SetupError(
                    f"the weights do not fit the family: {kind} {spec.name} must be "
                    f"{spec.datatype}{list(spec.shape)}, they have "
                    f"{', '.join(f'{s.name} {s.datatype}{list(s.shape)}' for s in found)}"
                )
