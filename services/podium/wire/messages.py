"""Requests and answers of the Open Inference Protocol, decoded and ready to send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEADER_LENGTH = "inference-header-content-length"
JSON_TYPE = "application/json"
BINARY_TYPE = "application/octet-stream"

Parameter = str | int | float | bool

_RESERVED = frozenset({"timeout", "priority", "headers", "binary_data_output"})


@dataclass(frozen=True, slots=True)
class InferRequest:
    """A decoded request."""

    inputs: dict[str, NDArray[Any]]
    parameters: dict[str, Parameter] = field(default_factory=dict)
    id: str = ""
    outputs: dict[str, bool] | None = None  # requested outputs -> as binary; None: all of them
    binary: bool = False  # whether outputs are binary by default


@dataclass(frozen=True, slots=True)
class InferResult:
    """The answer of a model."""

    outputs: dict[str, NDArray[Any]]
    parameters: dict[str, Parameter] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Body:
    """Bytes ready to send, in parts that are not copied, and the headers that describe them."""

    parts: tuple[bytes | memoryview, ...]
    headers: dict[str, str]

    @property
    def data(self) -> bytes:
        """The parts joined."""
        return b"".join(self.parts)


def without_reserved(parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """The parameters without the protocol's own, which any request may have."""
    return {
        key: value
        for key, value in parameters.items()
        if key not in _RESERVED and not key.startswith(("triton_", "sequence_"))
    }
