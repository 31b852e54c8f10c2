"""Checks before the load that the gateways serve the pipelines, and that names resolve."""

from __future__ import annotations

import os

import requests

from loadtest.profile import Profile, ProfileError, entries
from loadtest.scrape import addresses

API_KEY = "PODIUM_API_KEY"
"""Environment variable with the API key for gateways that need one."""

_TIMEOUT_S = 5.0


def key_headers() -> dict[str, str]:
    """The header with the API key of the environment; empty without one."""
    key = os.environ.get(API_KEY)
    return {"x-api-key": key} if key else {}


def require_gateways(profile: Profile) -> None:
    """Raise ProfileError, with the remedy, unless every gateway can serve every user."""
    for name, tier in profile.gateways().items():
        if not tier.host:
            where = f"tiers.{name}.host" if name else "host"
            raise ProfileError(f"{where} is empty; give --host, or use `python -m loadtest`")
        if not tier.host.startswith(("http://", "https://")):
            raise ProfileError(f"{tier.host}: give a URL such as http://gateway:8000")
        _get(tier.host, "/v2/health/ready", "is it the address of a Podium gateway?")
        for pipeline in sorted({user.pipeline for user in profile.users.values()}):
            _get(
                tier.host,
                f"/v2/models/{pipeline}/ready",
                f"the users of the profile ask for the pipeline {pipeline}; is it served there?",
            )


def require_names(profile: Profile) -> None:
    """Raise ProfileError unless every name in ``services`` resolves now."""
    for service, where in profile.services.items():
        for entry in entries(where):
            if not addresses(entry):
                raise ProfileError(
                    f"services.{service}: {entry} has no address; is it the name of a headless "
                    "Service with ready pods, and are its names known here?"
                )


def _get(host: str, path: str, remedy: str) -> None:
    url = host.rstrip("/") + path
    session = requests.Session()
    session.trust_env = False
    try:
        answer = session.get(url, headers=key_headers(), timeout=_TIMEOUT_S)
    except requests.RequestException as error:
        raise ProfileError(f"{url} does not answer ({type(error).__name__}); {remedy}") from None
    if answer.status_code in (401, 403):
        raise ProfileError(f"{url} answers {answer.status_code}; set {API_KEY} to a key")
    if answer.status_code != 200:
        raise ProfileError(f"{url} answers {answer.status_code}; {remedy}")
