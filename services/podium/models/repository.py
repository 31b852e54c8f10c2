"""The model repository: a directory of ``<name>/<version>/`` folders."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from podium.errors import NotFound, SetupError
from podium.models.manifest import MANIFEST_FILE, Manifest, read_manifest

PULL_COMMAND = "podium models pull blazepose"

_NAME = r"[a-z0-9][a-z0-9._-]{0,63}"
_REFERENCE = re.compile(rf"(?P<name>{_NAME})(@(?P<version>[1-9][0-9]{{0,8}}))?")


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model as it lies in the repository."""

    manifest: Manifest
    folder: Path

    @property
    def reference(self) -> str:
        """``name@version``."""
        return f"{self.manifest.name}@{self.manifest.version}"

    def verified_weights(self) -> Path:
        """The weights file, once its bytes have been checked against the manifest.

        Raises:
            SetupError: it is missing, or its sha256 differs.
        """
        path = self.folder / self.manifest.weights
        try:
            facts = path.stat()
        except OSError:
            raise SetupError(f"{path}: missing; {_remedy(self.manifest.name)}") from None
        found = sha256_of(path, facts.st_size, facts.st_mtime_ns)
        if found != self.manifest.sha256:
            raise SetupError(
                f"{path}: damaged (sha256 {found[:12]}, {MANIFEST_FILE} says "
                f"{self.manifest.sha256[:12]}); {_remedy(self.manifest.name)}"
            )
        return path


class ModelRepository:
    """The models under one directory.

    Args:
        root: The directory; it may be empty or missing until a model is asked for.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def models(self) -> list[StoredModel]:
        """Every version of every model, by name and version.

        Raises:
            SetupError: a manifest is wrong; the message names the file and the field.
        """
        return [self.load(name, version) for name, version in self.folders()]

    def folders(self) -> list[tuple[str, int]]:
        """Name and version of every folder with a manifest, whether that is right or wrong."""
        if not self.root.is_dir():
            return []
        return [
            (name, version)
            for name in sorted(path.name for path in self.root.iterdir())
            for version in self.versions(name)
        ]

    def resolve(self, reference: str) -> StoredModel:
        """Find ``name`` (its highest version) or ``name@version``.

        Raises:
            NotFound: the reference is malformed.
            SetupError: there is no such model; the message says what there is, and how to get it.
        """
        match = _REFERENCE.fullmatch(reference)
        if match is None:
            raise NotFound(f"model: {reference!r} is not of the form name or name@version")
        name, version = match["name"], match["version"]
        versions = self.versions(name)
        if not versions:
            raise SetupError(f"{self.root}: holds no model {name!r}; {_remedy(name)}")
        if version is None:
            return self.load(name, versions[-1])
        if int(version) not in versions:
            known = ", ".join(map(str, versions))
            raise SetupError(f"{self.root}: model {name!r} has no version {version}, only {known}")
        return self.load(name, int(version))

    def versions(self, name: str) -> list[int]:
        """Versions of a model, ascending; none where there is no such model.

        Folders that are no number are ignored, and so are those that have no manifest yet.
        """
        folder = self.root / name
        if not _is_name(name) or not folder.is_dir():
            return []
        return sorted(
            int(path.name)
            for path in folder.iterdir()
            if re.fullmatch(r"[1-9][0-9]{0,8}", path.name) and (path / MANIFEST_FILE).is_file()
        )

    def load(self, name: str, version: int) -> StoredModel:
        """Read the manifest of a folder.

        Raises:
            SetupError: it is missing or wrong; the message names the file and the field.
        """
        folder = self.root / name / str(version)
        manifest = read_manifest(folder / MANIFEST_FILE)
        if (manifest.name, manifest.version) != (name, version):
            raise SetupError(
                f"{folder / MANIFEST_FILE}: is of {manifest.name}@{manifest.version}, "
                f"but lies in the folder of {name}@{version}"
            )
        return StoredModel(manifest, folder)


def _is_name(name: str) -> bool:
    return re.fullmatch(_NAME, name) is not None


def _remedy(name: str) -> str:
    if name.startswith("blazepose-"):
        return f"run `{PULL_COMMAND}`"
    return f"add its folder, or run `{PULL_COMMAND}` for the default models"


@lru_cache(maxsize=64)
def sha256_of(path: Path, size: int, mtime_ns: int) -> str:
    """Hash a file; ``size`` and ``mtime_ns`` are its state, so that a change hashes it again."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
