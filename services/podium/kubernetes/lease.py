"""Leader election among processes, by a Lease of the Kubernetes API."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import time
import uuid
from contextlib import suppress
from datetime import UTC, datetime

from podium.kubernetes.api import KubernetesApi, Object
from podium.kubernetes.errors import ApiError

_log = logging.getLogger("podium.kubernetes")

_GIVE_BACK_S = 2.0
_PATH = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"


class Lease:
    """A lease that one process at a time holds, if clocks run at about the same speed.

    The algorithm of client-go: the holder renews the lease; others take it when they have seen no
    renewal for its whole duration by their own clocks. Each write names the version it is based
    on, so that only one of two writes succeeds. The holder gives the lease up at two thirds of the
    duration, before others may take it. The leader election of the client library (37.0) is not
    used: it ends at the first lost connection and compares wall clocks.

    Args:
        api: The API server.
        name: Name of the lease.
        duration_s: How long it lasts without renewal.
    """

    def __init__(self, api: KubernetesApi, name: str, *, duration_s: int = 15) -> None:
        self._api = api
        self._name = name
        self._duration_s = duration_s
        self._held_until = 0.0
        self._seen: tuple[str, float] = ("", 0.0)  # resource version, and since when
        self.identity = f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}"

    @property
    def held(self) -> bool:
        """Whether this process holds the lease."""
        return time.monotonic() < self._held_until

    async def run(self) -> None:
        """Acquire and renew the lease until cancelled; then release it."""
        said = ""
        try:
            while True:
                try:
                    await self._acquire_or_renew()
                    said = ""
                except ApiError as error:
                    if error.code != 409 and error.message != said:  # 409: another was first
                        _log.warning("lease %s: %s", self._name, error.message)
                        said = error.message
                pause_s = self._duration_s / 3 * random.uniform(0.8, 1)  # noqa: S311 - jitter
                await asyncio.sleep(pause_s)
        finally:
            if self.held:
                with suppress(ApiError, TimeoutError):
                    async with asyncio.timeout(_GIVE_BACK_S):
                        await self._give_back()

    async def _acquire_or_renew(self) -> None:
        began = time.monotonic()
        path = _PATH.format(await self._api.namespace())
        try:
            lease = await self._api.call("GET", f"{path}/{self._name}")
        except ApiError as error:
            if error.code != 404:
                raise
            await self._api.call("POST", path, self._written({}))
        else:
            if not self._is_free(lease):
                self._held_until = 0.0
                return
            await self._api.call("PUT", f"{path}/{self._name}", self._written(lease))
        if not self.held:
            _log.info("lease %s: held by this process, %s", self._name, self.identity)
        self._held_until = began + self._duration_s * 2 / 3

    def _is_free(self, lease: Object) -> bool:
        """Whether it is held by this process or nobody, or was not renewed for its duration."""
        version = lease["metadata"]["resourceVersion"]
        if version != self._seen[0]:
            self._seen = (version, time.monotonic())
        spec = lease.get("spec") or {}
        lasts_s = spec.get("leaseDurationSeconds") or self._duration_s
        return (
            spec.get("holderIdentity") in (self.identity, "", None)
            or time.monotonic() - self._seen[1] >= lasts_s
        )

    def _written(self, lease: Object) -> Object:
        """The lease with this process as its holder."""
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        spec = dict(lease.get("spec") or {})
        if spec.get("holderIdentity") != self.identity:
            spec["acquireTime"] = now
            spec["leaseTransitions"] = spec.get("leaseTransitions", -1) + 1
        spec |= {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": self._duration_s,
            "renewTime": now,
        }
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": lease.get("metadata", {"name": self._name}),
            "spec": spec,
        }

    async def _give_back(self) -> None:
        """Release the lease, so that another can take it at once. Raises ApiError."""
        self._held_until = 0.0
        path = f"{_PATH.format(await self._api.namespace())}/{self._name}"
        lease = await self._api.call("GET", path)
        if (lease.get("spec") or {}).get("holderIdentity") == self.identity:
            lease["spec"]["holderIdentity"] = ""
            await self._api.call("PUT", path, lease)
