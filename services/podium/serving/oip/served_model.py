"""The interface of a model at ``/v2/models/{name}``: anything that turns tensors into tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from podium.wire import InferRequest, InferResult, Parameter, TensorSpec


class ServedModel(Protocol):
    """One OIP model: a network, a decode call, or a whole pipeline.

    ``infer`` is called with inputs whose names, datatypes and shapes have been checked against
    ``inputs``; it checks ``parameters`` itself. More than a millisecond of computation belongs in
    a thread, so that health checks are still answered.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def platform(self) -> str: ...

    @property
    def inputs(self) -> tuple[TensorSpec, ...]: ...

    @property
    def outputs(self) -> tuple[TensorSpec, ...]: ...

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """Facts that callers need, published in the metadata (letterbox, crop, skeleton)."""
        ...

    async def infer(self, request: InferRequest) -> InferResult:
        """Answer a request. Raises PodiumError."""
        ...
