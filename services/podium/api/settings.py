"""Settings of the api; what it shares with the controllers is ``podium.jobs.settings``."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from podium.serving.http.settings import ServiceSettings


class ApiSettings(ServiceSettings):
    """Read from ``PODIUM_API_<FIELD>`` in the environment."""

    service: ClassVar[str] = "api"

    port: int = Field(default=8006, ge=0, le=65535)
    """Port to listen on."""

    max_body_bytes: int = Field(default=1 << 20, gt=0)
    """Largest request body, compressed or not; larger ones are answered with 413. Uploads have
    limits of their own."""

    threads: int = Field(default=16, ge=1, le=256)
    """Requests that use the database at the same time."""

    requests_per_minute: int = Field(default=12_000, ge=1)
    """Requests with one key or token, at each replica; more are answered with 429. After a quiet
    minute, all of them may come at once."""

    oidc_issuer: str | None = None
    """Issuer of tokens that are accepted beside API keys, as their claim ``iss`` has it; unset: API
    keys alone. Their claim ``scope`` holds scopes of API keys."""

    oidc_audience: str = "podium"
    """What the claim ``aud`` of tokens has to hold."""

    oidc_jwks_url: str | None = None
    """Address of the issuer's keys; unset: as its openid-configuration says."""

    oidc_project_claim: str = "podium_project"
    """Claim that holds the id of the project."""
