"""Calls the models of a stage in this process, without serialisation and sockets."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from podium.serving.observing.deadline import time_limit
from podium.serving.observing.request_context import (
    RequestContext,
    current_request,
    enter_request,
    leave_request,
)
from podium.serving.observing.telemetry import CallMetrics
from podium.serving.oip.catalogue import Catalogue
from podium.serving.oip.model_control import ModelControl
from podium.wire import InferRequest, InferResult, Parameter, Tensors
from podium.wire.tensors import check_tensors

HERE = "here"
"""Value of a setting that otherwise holds an address."""


@dataclass(frozen=True, slots=True)
class Hosted:
    """What a service serves, in its own process or in another.

    Attributes:
        catalogue: Its models.
        resource: Opened while they answer: threads, stores.
        control: Loads and unloads models, where the service can do that.
    """

    catalogue: Catalogue
    resource: Callable[[], AbstractAsyncContextManager[None]]
    control: ModelControl | None = None


class Here:
    """A client of a stage whose models are in this process.

    Calls behave as over HTTP: each has a time limit and a request context of its own, inputs are
    checked, and times and statistics are counted. A call is not retried when the queue is full.

    Args:
        stage: Name of the stage in errors.
        catalogue: The models.
        metrics: Where to count.
        timeout_s: The longest wait for an answer.
    """

    def __init__(
        self, stage: str, catalogue: Catalogue, metrics: CallMetrics, *, timeout_s: float
    ) -> None:
        self._stage = stage
        self._catalogue = catalogue
        self._metrics = metrics
        self._timeout_s = timeout_s
        metrics.watch_replicas(lambda: 1)

    async def infer(
        self,
        model: str,
        inputs: Tensors,
        parameters: Mapping[str, Parameter] | None = None,
        *,
        address: str | None = None,
        call: str | None = None,
    ) -> InferResult:
        """Run a model. Raises the PodiumError that the service would answer."""
        entry = self._catalogue.get(*_split(model))
        check_tensors(model, entry.model.inputs, inputs)
        request = InferRequest(dict(inputs), dict(parameters or {}))
        caller = current_request()
        token = enter_request(RequestContext(caller.request_id))
        started = time.perf_counter()
        try:
            async with time_limit(self._timeout_s, self._stage):
                with entry.statistics.request():
                    return await entry.model.infer(request)
        finally:
            leave_request(token)
            seconds = time.perf_counter() - started
            self._metrics.observe_call(call or self._stage, seconds)
            caller.add_call(call or self._stage, seconds)

    async def metadata(self, model: str) -> dict[str, Any]:
        """The metadata of a model. Raises NotFound."""
        return self._catalogue.metadata(*_split(model))


def _split(model: str) -> tuple[str, str | None]:
    name, _, version = model.partition("@")
    return name, version or None
