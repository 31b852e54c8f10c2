"""Starts services on this machine for a run without a gateway; one gateway per tier."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from loadtest.payloads import CACHE
from loadtest.profile import Profile, Tier
from podium.lab.bench.workloads import no_op_repository
from podium.local.model_folder import default_models
from podium.local.service_process import ServiceProcess, ready
from podium.local.settings import SERVICES
from podium.local.stack import HOST, KEY_SETTINGS, Stack, free_ports

STAGES = tuple(service for service in SERVICES if service != "gateway")
_READY_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 35.0


@contextmanager
def local_stack(profile: Profile) -> Iterator[Profile]:
    """Start the gateways and services without an address; yields the profile with addresses.

    Raises:
        PodiumError: The services do not start; the message has the remedy.
    """
    missing = [name for name, tier in profile.gateways().items() if not tier.host]
    if not missing:
        yield profile
        return
    with ExitStack() as running:
        CACHE.mkdir(parents=True, exist_ok=True)
        models = None
        if profile.no_op:
            folder = Path(
                running.enter_context(tempfile.TemporaryDirectory(prefix="podium-no-op-"))
            )
            models = no_op_repository(default_models(), folder)
        stack = running.enter_context(Stack(models=models, read_roots=[CACHE], here=profile.here))
        hosts = {missing[0]: stack.gateway_url}
        for name in missing[1:]:
            hosts[name] = running.enter_context(_gateway(stack))
        services = {stage: stack.urls[stage] for stage in STAGES if stage in stack.urls}
        changes: dict[str, object] = {
            "services": {**services, **profile.services},
            "media_uri": profile.media_uri or CACHE.absolute().as_uri(),
        }
        if profile.tiers:
            changes["tiers"] = {
                name: Tier(host=hosts.get(name, tier.host), weight=tier.weight)
                for name, tier in profile.tiers.items()
            }
        else:
            changes["host"] = stack.gateway_url
        yield profile.model_copy(update=changes)
        stack.check()


@contextmanager
def _gateway(stack: Stack) -> Iterator[str]:
    """Another gateway in front of the same stages, with the settings of the first."""
    port = free_ports()["gateway"]
    process = ServiceProcess("gateway", HOST, port, stack.environment, None, without=KEY_SETTINGS)
    with ready(process, within_s=_READY_TIMEOUT_S, stops_within_s=_STOP_TIMEOUT_S):
        yield process.url
