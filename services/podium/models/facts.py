"""The facts of a model that pipelines need, out of its manifest."""

from __future__ import annotations

from podium.errors import SetupError
from podium.models.manifest import Manifest
from podium.stages.detection import DetectorFacts
from podium.stages.pose import PoseFacts


def detector_facts(manifest: Manifest) -> DetectorFacts:
    """How frames must be letterboxed for a detector. Raises SetupError without ``letterbox``."""
    if manifest.letterbox is None:
        raise SetupError("a detection model needs letterbox in its manifest")
    return DetectorFacts(
        manifest.name,
        str(manifest.version),
        letterbox_size=manifest.input.width,
        letterbox_anchor=manifest.letterbox.anchor,
        letterbox_fill=manifest.letterbox.fill,
    )


def pose_facts(
    manifest: Manifest, *, presence: float | None = None, needs_camera: bool = False
) -> PoseFacts:
    """How persons must be cut out for a pose model, and which key points it gives.

    Args:
        manifest: Of the model.
        presence: Threshold of a model that judges presence, unless the manifest has another.
        needs_camera: Whether it wants boxes and intrinsics.

    Raises:
        SetupError: there is no ``crop`` or no ``skeleton``.
    """
    if manifest.crop is None or manifest.skeleton is None:
        raise SetupError("a pose model needs crop and skeleton in its manifest")
    return PoseFacts(
        manifest.name,
        str(manifest.version),
        crop_height=manifest.input.height,
        crop_width=manifest.input.width,
        crop_border=manifest.crop.border,
        roi_scale=manifest.crop.roi_scale,
        roi_aspect=manifest.input.width / manifest.input.height,
        skeleton=manifest.skeleton,
        presence_threshold=None
        if presence is None
        else manifest.thresholds.get("presence", presence),
        needs_camera=needs_camera,
    )
