"""The BlazePose networks: which archive has them, and how they become models of a repository."""

from __future__ import annotations

from dataclasses import dataclass

from podium.models.manifest import CropRule, InputSize, LetterboxRule, Manifest
from podium.zoo import npm, wheel
from podium.zoo.pinned import Archive, Member

WHEEL = Archive(
    f"{wheel.PACKAGE} {wheel.VERSION}",
    "wheel",
    wheel.download,
    wheel.read_members,
    wheel.LICENSE,
    "LICENSE.mediapipe",
)
NPM_PACKAGE = Archive(
    f"{npm.PACKAGE} {npm.VERSION}",
    "package",
    npm.download,
    npm.read_members,
    npm.STATEMENT,
    "package.json",
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make a model of the repository from a TFLite file of an archive."""

    archive: Archive
    member: Member
    manifest: Manifest  # with an empty hash, filled in once the weights exist
    outputs: dict[str, str]  # TFLite output -> ONNX output
    scale: float  # the network sees uint8 * scale + offset
    offset: float


def _landmark(name: str, archive: Archive, member: Member) -> Recipe:
    return Recipe(
        archive,
        member,
        Manifest(
            manifest_version=1,
            name=name,
            version=1,
            family="blazepose-landmark",
            tasks=("pose2d", "pose3d"),
            weights="model.onnx",
            sha256="0" * 64,
            input=InputSize(height=256, width=256),
            crop=CropRule(border="replicate", roi_scale=1.5),
            skeleton="blazepose33",
            thresholds={"presence": 0.5, "heatmap": 0.5},
            license="Apache-2.0",
            source=_origin(archive, member),
        ),
        {
            "Identity": "landmarks",
            "Identity_1": "presence",
            "Identity_3": "heatmaps",
            "Identity_4": "world",
        },
        scale=1 / 255,
        offset=0.0,
    )


def _origin(archive: Archive, member: Member) -> str:
    return f"{archive.title} ({archive.kind}), {member.path}, converted to ONNX"


DEFAULTS = (
    Recipe(
        WHEEL,
        wheel.DETECTOR,
        Manifest(
            manifest_version=1,
            name="blazepose-detector",
            version=1,
            family="blazepose-detector",
            tasks=("detection",),
            weights="model.onnx",
            sha256="0" * 64,
            input=InputSize(height=224, width=224),
            letterbox=LetterboxRule(anchor="center", fill=0),
            thresholds={"score": 0.5, "iou": 0.3},
            license="Apache-2.0",
            source=_origin(WHEEL, wheel.DETECTOR),
        ),
        {"Identity": "regressors", "Identity_1": "logits"},
        scale=2 / 255,
        offset=-1.0,
    ),
    _landmark("blazepose-landmark", WHEEL, wheel.LANDMARK),
)
"""Detector and landmark model (full)."""

VARIANTS = {
    "blazepose-lite": _landmark("blazepose-lite", NPM_PACKAGE, npm.LITE),
    "blazepose-heavy": _landmark("blazepose-heavy", NPM_PACKAGE, npm.HEAVY),
}
"""Name -> smaller or larger landmark model."""
