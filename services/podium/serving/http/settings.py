"""Settings that every service has; each service adds its own by inheriting."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from podium.environment import Settings


class ServiceSettings(Settings):
    """Settings of all services; ``PODIUM_<FIELD>`` sets all services at once."""

    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 in a container."""

    port: int = Field(default=8080, ge=0, le=65535)
    """Port to listen on."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level that is logged."""

    max_body_bytes: int = Field(default=64 << 20, gt=0)
    """Largest request body, compressed or not; larger ones are answered with 413."""

    max_requests: int = Field(default=256, gt=0)
    """Requests worked on at the same time; beyond, they are answered with 429."""

    max_in_flight_bytes: int = Field(default=512 << 20, gt=0)
    """Bytes of request bodies held at the same time; beyond, answered with 429."""

    drain_s: float = Field(default=30, ge=0)
    """Longest wait for requests in flight when the service is told to stop."""

    otlp_endpoint: str | None = None
    """Base URL of an OTLP/HTTP collector for traces, such as ``http://collector:4318``; unset: no
    traces. The standard ``OTEL_*`` variables say the rest."""

    slow_client_s: float = Field(default=20, gt=0)
    """Time in which a client has to send the head of its request, and over which its rate of
    sending the body and of reading the answer is measured. Connections of slower ones are closed,
    after twice this time at the latest."""

    slow_client_bytes_per_s: int = Field(default=500, ge=0)
    """The least rate of a client."""

    keep_alive_s: int = Field(default=75, gt=0)
    """How long an idle connection stays open; longer than clients keep theirs in their pools."""


ServiceSettings.common = frozenset(ServiceSettings.model_fields)
