"""The services that a run starts for itself."""

from __future__ import annotations

from urllib.parse import urlsplit

import psutil

from loadtest.local_stack import local_stack
from loadtest.profile import load_profile

ITS_OWN = {"PODIUM_GATEWAY_PORT"}


def settings_of(host):
    """Of the service of this process that listens there."""
    port = str(urlsplit(host).port)
    (found,) = (
        environment
        for environment in (child.environ() for child in psutil.Process().children())
        if environment.get("PODIUM_GATEWAY_PORT") == port
    )
    return {
        name: value
        for name, value in found.items()
        if name.startswith(("PODIUM_", "MALLOC_")) and name not in ITS_OWN
    }


def test_the_gateways_of_all_tiers_have_the_same_settings(model_repository, monkeypatch, tmp_path):
    monkeypatch.setenv("PODIUM_MODELS", str(model_repository))
    monkeypatch.chdir(tmp_path)
    with local_stack(load_profile("tiers")) as profile:
        gold, *others = (settings_of(tier.host) for tier in profile.tiers.values())
    assert {"PODIUM_GATEWAY_MAX_CHUNKS", "PODIUM_GATEWAY_DECODE_URL", "MALLOC_ARENA_MAX"} <= set(
        gold
    )
    assert others == [gold, gold]
