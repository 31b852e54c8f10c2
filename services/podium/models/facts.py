"""The facts of a model that pipelines need, from its manifest."""

from __future__ import annotations

from podium.errors import SetupError
from podium.models.manifest import Manifest
from podium.stages.detection import DetectorFacts
from podium.stages.pose import PoseFacts


def detector_facts(manifest: Manifest) -> DetectorFacts:
    """The facts of a detector. Raises SetupError if the manifest has no ``letterbox``."""
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
    """The facts of a pose model.

    Args:
        manifest: Manifest of the model.
        presence: Default presence threshold; None: the model does not judge presence.
        needs_camera: Whether it needs boxes and intrinsics.

    Raises:
        SetupError: the manifest has no ``crop`` or no ``skeleton``.
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
