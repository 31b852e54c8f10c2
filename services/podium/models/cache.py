"""Local copies of the models of a remote repository, shared by the processes of a machine."""

from __future__ import annotations

import errno
import logging
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from podium.errors import SetupError
from podium.models.manifest import MANIFEST_FILE, Manifest, write_manifest
from podium.models.repository import ModelRepository, sha256_of
from podium.storage.file_locks import HeldFile, exclusive
from podium.storage.folder_cache import LOCK_FILE, Entry, FolderCache, hold
from podium.whole_files import publish_folder

_log = logging.getLogger("podium.models")

Download = Callable[[Path], None]
"""Writes the weights to a path; continues an earlier download."""


_CACHE = re.compile(r"[0-9a-f]{16}")
_VERSION = re.compile(r"[1-9][0-9]*|\.[1-9][0-9]*(-[0-9a-f]{12}\.partial|\.old)")


class WrongBytes(SetupError):
    """The hash of a file is not the published one."""


class ModelCache:
    """A folder that is itself a repository: ``<name>/<version>/``, each complete and verified.

    One process downloads at a time; the others wait and then use its result. A download is in
    ``<name>/.<version>-<hash>.partial`` until its hash is verified. If the process dies, the next
    one continues it.

    Args:
        folder: The folder; created when it is needed.
        budget: The parent folder, with a cap that the caches of all repositories share; None: no
            cap.
    """

    def __init__(self, folder: Path, budget: FolderCache | None = None) -> None:
        self.folder = folder
        self._budget = budget

    def hold(self, manifest: Manifest, size: int, download: Download) -> HeldFile:
        """Get a local, verified copy of a model and protect it from eviction.

        Args:
            manifest: The model.
            size: Bytes of its weights.
            download: Downloads the weights if they are not in the cache.

        Raises:
            SetupError: the disk or the cache is full, the folder cannot be written, or the
                weights do not match the manifest.
            PodiumError: what ``download`` raises.
        """
        held = self._held(manifest)
        if held is not None:
            return held
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._budget.lock() if self._budget else exclusive(self.folder / LOCK_FILE):
                return self._held(manifest) or self._bring(manifest, size, download)
        except OSError as error:
            raise SetupError(f"{self.folder}: {_explain(error)}") from error

    def _bring(self, manifest: Manifest, size: int, download: Download) -> HeldFile:
        folder = self._of(manifest)
        partial = folder.with_name(f".{manifest.version}-{manifest.sha256[:12]}.partial")
        if self._budget and not self._budget.make_room(size, besides=partial):
            raise SetupError(
                f"{self._budget.folder}: {size} bytes more do not fit into "
                f"{self._budget.max_bytes} beside the models in use; "
                "raise PODIUM_MODELS_CACHE_BYTES"
            )
        _log.info("downloading %s@%d, %d bytes", manifest.name, manifest.version, size)
        resumed = partial.exists()
        try:
            self._fill(partial, manifest, download)
        except WrongBytes:
            if not resumed:
                raise
            self._fill(partial, manifest, download)  # the earlier part was of another file
        publish_folder(partial, folder)
        held = self._held(manifest)
        if held is None:
            raise SetupError(f"{folder}: was changed by somebody else; try again")
        return held

    def _fill(self, partial: Path, manifest: Manifest, download: Download) -> None:
        partial.mkdir(parents=True, exist_ok=True)
        weights = partial / manifest.weights
        try:
            download(weights)
            found = sha256_of(weights)
            if found != manifest.sha256:
                raise WrongBytes(
                    f"{manifest.weights} of {manifest.name}@{manifest.version} is damaged where it "
                    f"comes from (sha256 {found[:12]}, {MANIFEST_FILE} says "
                    f"{manifest.sha256[:12]}); put the right file there"
                )
            write_manifest(partial / MANIFEST_FILE, manifest)
        except (OSError, SetupError):  # unlike a broken connection, it cannot be continued
            shutil.rmtree(partial, ignore_errors=True)
            raise

    def _held(self, manifest: Manifest) -> HeldFile | None:
        """The model, locked and marked as used now; None if it is missing or damaged."""
        folder = self._of(manifest)
        try:
            held = hold(folder / manifest.weights, marker=folder / MANIFEST_FILE)
            stored = ModelRepository(self.folder).load(manifest.name, manifest.version)
            if held is None or stored.manifest != manifest:
                return None
            stored.verified_weights()
        except (OSError, SetupError):
            return None
        return held

    def _of(self, manifest: Manifest) -> Path:
        return self.folder / manifest.name / str(manifest.version)


def _explain(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; make room, or choose another folder"
    return f"cannot be used: {error.strerror}"


def versions_in(folder: Path) -> Iterator[Entry]:
    """The models of all caches in a folder; the caches' names have 16 hexadecimal digits."""
    for version in folder.glob("*/*/*"):
        cache = version.parent.parent.name
        if _CACHE.fullmatch(cache) and _VERSION.fullmatch(version.name) and version.is_dir():
            yield Entry(version, version / MANIFEST_FILE)
