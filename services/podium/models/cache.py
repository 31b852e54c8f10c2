"""The models of a remote repository that are on this machine, shared by its processes."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from podium.errors import SetupError
from podium.models.disk_budget import DiskBudget
from podium.models.manifest import MANIFEST_FILE, Manifest, write_manifest
from podium.models.repository import HeldWeights, ModelRepository, publish, sha256_of
from podium.storage.file_lock import SharedLock, exclusive

_log = logging.getLogger("podium.models")

Download = Callable[[Path], None]
"""Writes the weights to a path, from where an earlier download left them."""


class WrongBytes(SetupError):
    """A file is not the one that its hash was published of."""


class ModelCache:
    """A folder that is itself a repository: ``<name>/<version>/``, each whole and verified.

    One process downloads at a time; the others wait for it and find what it has brought. A
    download lies in ``<name>/.<version>-<hash>.partial`` until its hash is right, and continues
    there in the next process if its own one dies.

    Args:
        folder: The folder; made when it is needed.
        budget: What it shares its disk space with; None: no limit.
    """

    def __init__(self, folder: Path, budget: DiskBudget | None = None) -> None:
        self.folder = folder
        self._budget = budget

    def hold(self, manifest: Manifest, size: int, download: Download) -> HeldWeights:
        """Have a model on this machine, verified, and keep it from being evicted.

        Args:
            manifest: The model.
            size: Bytes of its weights.
            download: Brings what is not there.

        Raises:
            SetupError: the disk or the cache is full, the folder cannot be written, or the
                weights are not what the manifest says.
            PodiumError: what ``download`` raises.
        """
        held = self._held(manifest)
        if held is not None:
            return held
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self._budget.folder if self._budget else self.folder) / ".lock"
            with exclusive(lock):
                return self._held(manifest) or self._bring(manifest, size, download)
        except OSError as error:
            raise SetupError(f"{self.folder}: {_explain(error)}") from error

    def _bring(self, manifest: Manifest, size: int, download: Download) -> HeldWeights:
        folder = self._of(manifest)
        partial = folder.with_name(f".{manifest.version}-{manifest.sha256[:12]}.partial")
        if self._budget:
            self._budget.make_room(size, besides=partial)
        _log.info("downloading %s@%d, %d bytes", manifest.name, manifest.version, size)
        resumed = partial.exists()
        try:
            self._fill(partial, manifest, download)
        except WrongBytes:
            if not resumed:
                raise
            self._fill(partial, manifest, download)  # the first half was of another file
        publish(partial, folder)
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
        except (OSError, SetupError):  # unlike a broken connection, nothing to continue from
            shutil.rmtree(partial, ignore_errors=True)
            raise

    def _held(self, manifest: Manifest) -> HeldWeights | None:
        """The model if it is there, undamaged, under a lock; marked as used now."""
        marker = self._of(manifest) / MANIFEST_FILE
        try:
            lock = SharedLock(marker)
            stored = ModelRepository(self.folder).load(manifest.name, manifest.version)
            if stored.manifest != manifest:
                return None
            os.utime(marker)
            return HeldWeights(stored.verified_weights(), lock)
        except (OSError, SetupError):
            return None

    def _of(self, manifest: Manifest) -> Path:
        return self.folder / manifest.name / str(manifest.version)


def _explain(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; make room, or choose another folder"
    return f"cannot be used: {error.strerror}"
