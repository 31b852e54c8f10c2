"""Writes the statuses of Pipelines."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime

from podium.kubernetes.api import KubernetesApi, Object
from podium.kubernetes.errors import ApiError
from podium.kubernetes.lease import Lease
from podium.pipelines.spec import API_VERSION

_log = logging.getLogger("podium.kubernetes")

FIELD_MANAGER = "podium-gateway"

_TICK_S = 1.0
"""How often a process looks whether it holds the lease."""
_AFTER_ERROR_S = 10.0


class StatusWriter:
    """Writes the wanted statuses while this process holds the lease.

    It uses server-side apply, so that conditions of other writers stay, and writes only
    differences, because every write comes back as an event of the watch.

    Args:
        api: The API server.
        collection: Path of the resources, with ``{namespace}`` in it.
        lease: Its holder may write.
    """

    def __init__(self, api: KubernetesApi, collection: str, lease: Lease) -> None:
        self._api = api
        self._collection = collection
        self._lease = lease
        self._wanted: list[tuple[Object, dict[str, str]]] = []
        self._changed = asyncio.Event()
        self._written: dict[str, str] = {}  # uid -> resource version before the last write
        self._said = ""

    def want(self, conditions: Iterable[tuple[Object, dict[str, str]]]) -> None:
        """Set the wanted condition ``Accepted`` of every resource."""
        self._wanted = list(conditions)
        self._changed.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S):
                    await self._changed.wait()
            self._changed.clear()
            try:
                await self._write_all()
                self._said = ""
            except ApiError as error:
                if error.message != self._said:
                    _log.warning("statuses of pipelines cannot be written: %s", error.message)
                self._said = error.message
                await asyncio.sleep(_AFTER_ERROR_S)

    async def _write_all(self) -> None:
        """Write the statuses that differ. Raises ApiError."""
        for resource, condition in self._wanted:
            if not self._lease.held:
                return
            metadata = resource["metadata"]
            if self._written.get(metadata["uid"]) == metadata["resourceVersion"]:
                continue  # the event of the last write has not arrived yet
            status = _status(resource, condition)
            if status is None:
                continue
            try:
                await self._apply(metadata, status)
            except ApiError as error:
                if error.code not in (404, 409):  # it was deleted, or replaced under its name
                    raise
            self._written[metadata["uid"]] = metadata["resourceVersion"]
        uids = {resource["metadata"]["uid"] for resource, _ in self._wanted}
        self._written = {uid: v for uid, v in self._written.items() if uid in uids}

    async def _apply(self, metadata: Object, status: Object) -> None:
        path = self._collection.format(namespace=await self._api.namespace())
        await self._api.call(
            "PATCH",
            f"{path}/{metadata['name']}/status",
            {
                "apiVersion": API_VERSION,
                "kind": "Pipeline",
                "metadata": {"name": metadata["name"], "uid": metadata["uid"]},
                "status": status,
            },
            query={"fieldManager": FIELD_MANAGER, "force": "true"},
            content_type="application/apply-patch+yaml",
        )


def _status(resource: Object, condition: dict[str, str]) -> Object | None:
    """The status to write; None if the resource has it already."""
    generation = resource["metadata"].get("generation", 0)
    status = resource.get("status") or {}
    conditions = {each.get("type"): each for each in status.get("conditions") or ()}
    is_there = conditions.get("Accepted", {})
    wanted = {"type": "Accepted", **condition, "observedGeneration": generation}
    if status.get("observedGeneration") == generation and wanted.items() <= is_there.items():
        return None
    since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if is_there.get("status") == wanted["status"]:
        since = is_there.get("lastTransitionTime", since)
    return {
        "observedGeneration": generation,
        "conditions": [{**wanted, "lastTransitionTime": since}],
    }
