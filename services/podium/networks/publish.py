"""Writes an exported network into the model repository."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path

import onnx

from podium.errors import InvalidInput, SetupError
from podium.models.manifest import MANIFEST_FILE, Manifest, write_manifest
from podium.models.repository import ModelRepository
from podium.wire import Parameter


def next_version(repository: Path, name: str) -> int:
    """One more than the highest existing version."""
    return max(ModelRepository(repository).versions(name), default=0) + 1


def serialized(model: onnx.ModelProto) -> bytes:
    """The content of an ``.onnx`` file; equal graphs give equal bytes."""
    data: bytes = model.SerializeToString(deterministic=True)
    return data


class Draft:
    """An unpublished model folder, in the repository beside its final place.

    Use it as a context manager; if it is not published at the end, it is removed.

    Args:
        repository: Model repository.
        manifest: Manifest; the hash is filled in.
        model: A graph, or the content of a file.

    Raises:
        SetupError: the repository cannot be written.
    """

    def __init__(
        self, repository: Path, manifest: Manifest, model: onnx.ModelProto | bytes
    ) -> None:
        self._place = repository / manifest.name / str(manifest.version)
        try:
            repository.mkdir(parents=True, exist_ok=True)
            self._scratch = tempfile.TemporaryDirectory(dir=repository, prefix=".export-")
            self._folder = Path(self._scratch.name, "model")
            self._folder.mkdir()
            self.weights = self._folder / manifest.weights
            data = model if isinstance(model, bytes) else serialized(model)
            self.weights.write_bytes(data)
            digest = hashlib.sha256(data).hexdigest()
            write_manifest(
                self._folder / MANIFEST_FILE, manifest.model_copy(update={"sha256": digest})
            )
        except OSError as error:
            raise SetupError(f"{repository}: cannot be written: {error.strerror}") from error

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, *_: object) -> None:
        self._scratch.cleanup()

    def publish(self) -> Path:
        """Move the folder into place; readers see it complete or not at all.

        Raises:
            InvalidInput: this version exists; it is not overwritten, as a server may have it open.
            SetupError: the repository cannot be written.
        """
        if self._place.exists():
            raise InvalidInput(
                f"{self._place} exists; choose another one or remove it", field="version"
            )
        try:
            self._place.parent.mkdir(exist_ok=True)
            self._folder.rename(self._place)
        except OSError as error:
            raise SetupError(f"{self._place}: cannot be written: {error.strerror}") from error
        return self._place


def publish_stage(
    repository: Path,
    manifest: Manifest,
    model: onnx.ModelProto,
    parameters: Mapping[str, Parameter],
) -> Path:
    """Write an end-to-end graph for Triton and KServe; readers see it complete or not at all.

    The folder ``<name>/`` has ``config.pbtxt`` and ``<version>/model.onnx``. It has no
    ``model.yaml``: Podium's services ignore it, as they decode themselves.

    Args:
        repository: A model repository of Triton or of Podium.
        manifest: Manifest, for name and version.
        model: The graph.
        parameters: Facts for callers of the stage, written to the configuration.

    Returns:
        The folder ``<name>/``.

    Raises:
        InvalidInput: a model of this name exists.
        SetupError: the repository cannot be written.
    """
    place = repository / manifest.name
    if place.exists():
        raise InvalidInput(f"{place} exists; choose another one or remove it", field="name")
    try:
        repository.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=repository, prefix=".export-") as scratch:
            folder = Path(scratch, manifest.name)
            weights = folder / str(manifest.version) / "model.onnx"
            weights.parent.mkdir(parents=True)
            weights.write_bytes(serialized(model))
            (folder / "config.pbtxt").write_text(_triton_config(manifest.name, parameters))
            folder.rename(place)
    except OSError as error:
        raise SetupError(f"{place}: cannot be written: {error.strerror}") from error
    return place


def _triton_config(name: str, parameters: Mapping[str, Parameter]) -> str:
    """Triton's ModelConfig in text form.

    ``max_batch_size`` is 0, since a detector's outputs have a row for each person, not for each
    picture; batches can be sent nevertheless. Triton reads inputs and outputs from the graph.
    """
    facts = "".join(
        f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }}\n'
        for key, value in parameters.items()
    )
    return f'name: "{name}"\nbackend: "onnxruntime"\nmax_batch_size: 0\n{facts}'
