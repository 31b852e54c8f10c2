"""The model repository: a directory of ``<name>/<version>/`` folders."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from podium.errors import NotFound, SetupError
from podium.models.manifest import MANIFEST_FILE, Manifest, read_manifest
from podium.models.published import how_to_get
from podium.storage.file_locks import HeldFile

_NAME = r"[a-z0-9][a-z0-9._-]{0,63}"
_VERSION = r"[1-9][0-9]{0,8}"
_REFERENCE = re.compile(rf"(?P<name>{_NAME})(@(latest|(?P<version>{_VERSION})))?")


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model in the repository."""

    manifest: Manifest
    folder: Path

    @property
    def reference(self) -> str:
        """``name@version``."""
        return f"{self.manifest.name}@{self.manifest.version}"

    def verified_weights(self) -> Path:
        """Check the weights file against the manifest and return its path.

        Raises:
            SetupError: it is missing, or its sha256 differs.
        """
        path = self.folder / self.manifest.weights
        try:
            found = sha256_of(path)
        except OSError:
            raise SetupError(f"{path}: missing; {how_to_get(self.manifest.name)}") from None
        if found != self.manifest.sha256:
            raise SetupError(
                f"{path}: damaged (sha256 {found[:12]}, {MANIFEST_FILE} says "
                f"{self.manifest.sha256[:12]}); {how_to_get(self.manifest.name)}"
            )
        return path

    def hold(self) -> HeldFile:
        """The verified weights; they are protected while the caller keeps the result.

        Raises:
            SetupError: see ``verified_weights``.
        """
        return HeldFile(self.verified_weights())


class ModelRepository:
    """The models under one directory.

    Args:
        root: The directory; it may be empty or missing until a model is asked for.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def address(self) -> str:
        """The repository in messages."""
        return str(self.root)

    def models(self) -> list[StoredModel]:
        """Every version of every model, by name and version.

        Raises:
            SetupError: a manifest is wrong; the message names the file and the field.
        """
        return [self.load(name, version) for name, version in self.folders()]

    def folders(self) -> list[tuple[str, int]]:
        """Name and version of every folder with a manifest, valid or not."""
        if not self.root.is_dir():
            return []
        return [
            (name, version)
            for name in sorted(path.name for path in self.root.iterdir())
            for version in self.versions(name)
        ]

    def select(self, references: Collection[str]) -> list[tuple[str, int]]:
        """The ``folders`` that ``references`` name; without references all folders.

        Raises:
            NotFound, SetupError: see ``find``.
        """
        if not references:
            return self.folders()
        return sorted({self.find(reference) for reference in references})

    def find(self, reference: str) -> tuple[str, int]:
        """Name and version for a reference: ``name`` or ``name@latest`` (highest), ``name@3``.

        Raises:
            NotFound: the reference is malformed.
            SetupError: there is no such model; the message says how to get it.
        """
        match = _REFERENCE.fullmatch(reference)
        if match is None:
            raise NotFound(
                f"model: {reference!r} is not of the form name, name@version or name@latest"
            )
        name, version = match["name"], match["version"]
        versions = self.versions(name)
        if not versions:
            raise SetupError(f"{self.address}: holds no model {name!r}; {how_to_get(name)}")
        if version is None:
            return name, versions[-1]
        if int(version) not in versions:
            known = ", ".join(map(str, versions))
            raise SetupError(
                f"{self.address}: model {name!r} has no version {version}, only {known}"
            )
        return name, int(version)

    def resolve(self, reference: str) -> StoredModel:
        """Find and load the model of a reference.

        Raises:
            NotFound, SetupError: see ``find`` and ``load``.
        """
        return self.load(*self.find(reference))

    def versions(self, name: str) -> list[int]:
        """Versions of a model, ascending; empty if there is no such model.

        Folders whose name is not a number or that have no manifest yet are ignored.
        """
        folder = self.root / name
        if not is_name(name) or not folder.is_dir():
            return []
        return sorted(
            int(path.name)
            for path in folder.iterdir()
            if is_version(path.name) and (path / MANIFEST_FILE).is_file()
        )

    def load(self, name: str, version: int) -> StoredModel:
        """Read the manifest of a folder.

        Raises:
            SetupError: it is missing or wrong; the message names the file and the field.
        """
        folder = self.root / name / str(version)
        manifest = read_manifest(folder / MANIFEST_FILE)
        require_place(manifest, name, version, str(folder / MANIFEST_FILE))
        return StoredModel(manifest, folder)


def is_name(text: str) -> bool:
    """Whether a text is a valid name of a model."""
    return re.fullmatch(_NAME, text) is not None


def is_version(text: str) -> bool:
    """Whether the name of a folder is a version."""
    return re.fullmatch(_VERSION, text) is not None


def require_place(manifest: Manifest, name: str, version: int, where: str) -> None:
    """Raise SetupError unless the manifest has the name and version of its folder."""
    if (manifest.name, manifest.version) != (name, version):
        raise SetupError(
            f"{where}: is of {manifest.name}@{manifest.version}, "
            f"but lies in the folder of {name}@{version}"
        )


def sha256_of(path: Path) -> str:
    """Hash a file; an unchanged file is read only once.

    Raises:
        OSError: it cannot be read.
    """
    facts = path.stat()
    return _sha256_of(path, facts.st_ino, facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=64)
def _sha256_of(path: Path, _inode: int, _size: int, _mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
