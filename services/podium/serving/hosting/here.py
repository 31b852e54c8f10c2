"""A stage in the process that calls it: the models of its service, without bytes and sockets."""

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
"""What a setting says in the place of an address."""


@dataclass(frozen=True, slots=True)
class Hosted:
    """What a service serves, whichever process it is in.

    Attributes:
        catalogue: Its models.
        resource: Open while they answer: threads, stores.
        control: Loads and unloads models, where that can be done.
    """

    catalogue: Catalogue
    resource: Callable[[], AbstractAsyncContextManager[None]]
    control: ModelControl | None = None


class Here:
    """Answers the calls of a stage by models in this process.

    Calls look as they do over HTTP: each has a time limit and a request context of its own, inputs
    are checked, and times and statistics are counted. A full queue is not tried again.

    Args:
        stage: Name that errors carry.
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
        """Run a model. Raises PodiumError, as the service would answer."""
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
