"""The settings of the services as they are on this machine."""

from __future__ import annotations

from collections.abc import Mapping

from podium.decode.settings import DecodeSettings
from podium.gateway.settings import GatewaySettings
from podium.postprocess.settings import PostprocessSettings
from podium.serving.hosting.model_service import MODEL_SERVICES, model_settings
from podium.serving.http.settings import ServiceSettings

SERVICES = ("gateway", "decode", "detection", "pose2d", "pose3d", "postprocess")
FRAMES_BYTES = 96 << 20
"""Decoded frames that keep one processor busy: a chunk of 720p and the beginning of the next."""


def settings_of(service: str) -> type[ServiceSettings]:
    """The settings of one of the services."""
    own: dict[str, type[ServiceSettings]] = {
        "gateway": GatewaySettings,
        "decode": DecodeSettings,
        "postprocess": PostprocessSettings,
        **{task: model_settings(task) for task in MODEL_SERVICES},
    }
    return own[service]


def sized_for(processors: int, environ: Mapping[str, str]) -> dict[str, str]:
    """Settings for one replica of each service on a machine of its own.

    As many engine calls and decoded requests as processors, and no more chunks and frames than keep
    them busy. Videos are postprocessed one at a time. What the environment says goes first.

    Returns:
        Variables of all services; a service reads its own.
    """
    sizes = {f"PODIUM_{each.upper()}_WORKERS": processors for each in ("decode", *MODEL_SERVICES)}
    sizes["PODIUM_GATEWAY_MAX_CHUNKS"] = 3 * processors
    batch, store, pixels = (
        f"PODIUM_DECODE_{name}" for name in ("MAX_BATCH_BYTES", "STORE_BYTES", "MAX_PIXELS")
    )
    if not any(name in environ for name in (batch, store, pixels)):  # each depends on the others
        largest_frame = 3 * int(DecodeSettings.model_fields["max_pixels"].default)
        sizes[batch] = largest_frame
        sizes[store] = max(largest_frame, processors * FRAMES_BYTES)
    return {name: environ.get(name, str(size)) for name, size in sizes.items()}
