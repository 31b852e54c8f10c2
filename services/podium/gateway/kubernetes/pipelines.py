"""Serves the Pipeline custom resources of a namespace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from podium.gateway.kubernetes.crd import PLURAL
from podium.gateway.kubernetes.status import StatusWriter
from podium.kubernetes.api import KubernetesApi, Object
from podium.kubernetes.lease import Lease
from podium.kubernetes.watch import IDLE_S, Watch
from podium.pipelines.spec import API_VERSION, Pipeline
from podium.wire.parameters import explain

COLLECTION = f"/apis/{API_VERSION}/namespaces/{{namespace}}/{PLURAL}"
LEASE = "podium-pipelines"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of one generation of a Pipeline: accepted, or why not."""

    uid: str
    generation: int
    pipeline: Pipeline | None  # the one served under its name
    served_generation: int
    mistake: str | None  # what is wrong with this generation

    @property
    def condition(self) -> dict[str, str]:
        """The condition ``Accepted``, without its time stamp."""
        if self.mistake is None:
            return {
                "status": "True",
                "reason": "Accepted",
                "message": "The gateways serve this generation.",
            }
        still = f" Generation {self.served_generation} is served on." if self.pipeline else ""
        return {"status": "False", "reason": "InvalidSpec", "message": f"{self.mistake}.{still}"}


class PipelineResources:
    """Watches the Pipelines of the namespace and decides which ones are served.

    An invalid spec changes nothing: the last valid one is served until the resource is corrected
    or deleted. Every replica watches for itself; the one that holds the Lease
    ``podium-pipelines`` writes the statuses.

    Args:
        api: The API server.
        serve: Called with all pipelines to serve, by name, after each change.
        idle_s: See ``Watch``.
    """

    def __init__(
        self,
        api: KubernetesApi,
        serve: Callable[[Mapping[str, Pipeline]], None],
        *,
        idle_s: float = IDLE_S,
    ) -> None:
        self._serve = serve
        self._verdicts: dict[str, Verdict] = {}
        self._lease = Lease(api, LEASE)
        self._statuses = StatusWriter(api, COLLECTION, self._lease)
        self.watch = Watch(
            api,
            COLLECTION,
            on_change=self._judge_all,
            otherwise="those last known are served, if any",
            idle_s=idle_s,
        )

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.watch.run())
            tasks.create_task(self._lease.run())
            tasks.create_task(self._statuses.run())

    def _judge_all(self, objects: Mapping[str, Object]) -> None:
        self._verdicts = {
            name: _judge(resource, self._verdicts.get(name)) for name, resource in objects.items()
        }
        self._serve({n: v.pipeline for n, v in self._verdicts.items() if v.pipeline is not None})
        self._statuses.want(
            (resource, self._verdicts[name].condition) for name, resource in objects.items()
        )


def _judge(resource: Object, before: Verdict | None) -> Verdict:
    uid = resource["metadata"].get("uid", "")
    generation = resource["metadata"].get("generation", 0)
    if before is not None and before.uid != uid:
        before = None
    if before is not None and before.generation == generation:
        return before  # only its status, labels or other metadata changed
    document = {key: value for key, value in resource.items() if key != "status"}
    try:
        pipeline = Pipeline.model_validate(document)
    except ValidationError as error:
        mistake = ": ".join(explain(error))
        if before is None:
            return Verdict(uid, generation, None, 0, mistake)
        return Verdict(uid, generation, before.pipeline, before.served_generation, mistake)
    return Verdict(uid, generation, pipeline, generation, None)
