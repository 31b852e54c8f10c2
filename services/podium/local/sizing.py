"""Sizes of the stages on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from podium.decode.settings import DecodeSettings
from podium.models.manifest import Task

FRAMES_BYTES = 96 << 20
"""Bytes of decoded frames per processor: a chunk of 1080p as stored, or one of 720p in RGB."""


def sized_for(processors: int, environ: Mapping[str, str]) -> dict[str, str]:
    """Settings for one replica of each service that have a machine for themselves.

    As many engine calls and decoded requests as processors, and only as many chunks and frames as
    keep them busy. Videos are postprocessed one at a time. Variables in ``environ`` have
    precedence.

    Returns:
        Variables of all services; each service reads its own.
    """
    sizes = {f"PODIUM_{each.upper()}_WORKERS": processors for each in ("decode", *get_args(Task))}
    sizes["PODIUM_GATEWAY_MAX_CHUNKS"] = 3 * processors
    batch, store, pixels = (
        f"PODIUM_DECODE_{name}" for name in ("MAX_BATCH_BYTES", "STORE_BYTES", "MAX_PIXELS")
    )
    if not any(name in environ for name in (batch, store, pixels)):  # each depends on the others
        largest_frame = 3 * int(DecodeSettings.model_fields["max_pixels"].default)
        sizes[batch] = largest_frame
        sizes[store] = max(largest_frame, processors * FRAMES_BYTES)
    return {name: environ.get(name, str(size)) for name, size in sizes.items()}
