"""The facts of a model that callers need, under the names that all families share."""

from __future__ import annotations

from podium.errors import SetupError
from podium.models.manifest import Manifest
from podium.wire import Parameter


def detector_parameters(manifest: Manifest) -> dict[str, Parameter]:
    """How frames must be letterboxed for a detector."""
    if manifest.letterbox is None:
        raise SetupError("a detection model needs letterbox in its manifest")
    return {
        "letterbox_size": manifest.input.width,
        "letterbox_anchor": manifest.letterbox.anchor,
        "letterbox_fill": manifest.letterbox.fill,
    }


def pose_parameters(manifest: Manifest) -> dict[str, Parameter]:
    """How persons must be cut out for a pose model, and which key points it gives.

    ``roi_scale`` and ``roi_aspect`` turn a plain person box into the region to cut out, where the
    detector gives no region: widen the box to the aspect (width / height), then scale it.
    """
    if manifest.crop is None or manifest.skeleton is None:
        raise SetupError("a pose model needs crop and skeleton in its manifest")
    return {
        "crop_height": manifest.input.height,
        "crop_width": manifest.input.width,
        "crop_border": manifest.crop.border,
        "roi_scale": manifest.crop.roi_scale,
        "roi_aspect": manifest.input.width / manifest.input.height,
        "skeleton": manifest.skeleton,
    }
