"""The pods of a service from its EndpointSlices: the gateway balances over them itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import chain

from podium.kubernetes.api import KubernetesApi, Object
from podium.kubernetes.credentials import require_library
from podium.kubernetes.watch import IDLE_S, Watch
from podium.serving.calling.endpoints import DnsEndpoints, base_url

_log = logging.getLogger("podium.endpoints")

_PATIENCE_S = 1.0
"""How long the first answer of the API server may take before DNS is asked."""

_PATH = "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices"


class EndpointSliceEndpoints:
    """Addresses of the ready pods behind a Service, kept up to date.

    Until the API server has answered, or if it refuses (403) or is missing, the addresses come
    from DNS. Later, while it is unreachable, the last known addresses stay.

    Args:
        api: The API server.
        host: ``service`` or ``service.namespace``; DNS must know it too.
        port: Port of the pods.
        zone: Zone whose pods are preferred while any of them is ready; None: no preference.
        idle_s: See ``Watch``.
    """

    def __init__(
        self,
        api: KubernetesApi,
        host: str,
        port: int,
        *,
        zone: str | None = None,
        idle_s: float = IDLE_S,
    ) -> None:
        require_library(f"kubernetes://{host}")
        service, _, rest = host.partition(".")
        self._port = port
        self._zone = zone
        self._urls: tuple[str, ...] = ()
        self._dns = DnsEndpoints(host, port)
        self._watch = Watch(
            api,
            _PATH.format(rest.partition(".")[0] or "{namespace}"),
            selector=f"kubernetes.io/service-name={service}",
            on_change=self._read,
            otherwise=f"replicas of {host} come from DNS",
            idle_s=idle_s,
        )

    def addresses(self) -> Sequence[str]:
        return self._dns.addresses() if self._without_slices else self._urls

    async def watch(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch.run())
            tasks.create_task(self._resolve_when_needed())

    @property
    def _without_slices(self) -> bool:
        return self._watch.refused or not self._watch.synced.is_set()

    async def _resolve_when_needed(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                await self._watch.settled.wait()
        while True:
            if self._without_slices:
                await self._dns.resolve()
            await asyncio.sleep(self._dns.refresh_s)

    def _read(self, slices: Mapping[str, Object]) -> None:
        hosts = pod_addresses(slices.values(), self._zone)
        self._urls = tuple(base_url(host, self._port) for host in hosts)


def pod_addresses(slices: Iterable[Object], zone: str | None = None) -> list[str]:
    """The addresses that get new requests, chosen as kube-proxy does.

    Ready pods get requests. If no pod is ready, those get them that are terminating and still
    serve (KEP-1669). With a zone, only its pods are taken while it has any: those that the control
    plane assigned to it (hints, for a Service with ``trafficDistribution``) or, without hints,
    those that run in it. A dual-stack Service lists its pods once per family: IPv4 is preferred.

    Args:
        slices: All ``discovery.k8s.io/v1`` EndpointSlices of one Service.
        zone: Preferred zone; None: no preference.

    Returns:
        IP addresses, sorted, each once.
    """
    by_family: dict[str, list[Object]] = {"IPv4": [], "IPv6": []}
    for one in slices:
        by_family.get(str(one.get("addressType")), []).extend(one.get("endpoints") or ())
    endpoints = by_family["IPv4"] or by_family["IPv6"]
    serving = [e for e in endpoints if _is(e, "ready")] or [
        e for e in endpoints if _is(e, "serving") and _is(e, "terminating", unknown=False)
    ]
    if zone is not None:
        hinted = all(_hints(e) for e in serving)
        near = [e for e in serving if zone in (_hints(e) if hinted else {e.get("zone")})]
        serving = near or serving
    return sorted(set(chain.from_iterable(e["addresses"] for e in serving)))


def _is(endpoint: Object, condition: str, *, unknown: bool = True) -> bool:
    """A condition of an endpoint; in the API an absent ``ready`` or ``serving`` means yes."""
    value = (endpoint.get("conditions") or {}).get(condition)
    return unknown if value is None else bool(value)


def _hints(endpoint: Object) -> set[str]:
    return {str(zone["name"]) for zone in (endpoint.get("hints") or {}).get("forZones") or ()}
