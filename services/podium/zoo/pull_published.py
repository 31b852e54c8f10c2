"""``podium models pull NAME``: published weights become a model of the repository."""

from __future__ import annotations

import errno
import shutil
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from podium.errors import SetupError
from podium.models.cache import WrongBytes
from podium.models.manifest import MANIFEST_FILE, Manifest, write_manifest
from podium.models.published import Network, PublishedFile
from podium.models.repository import ModelRepository, sha256_of
from podium.storage.download import Progress, download
from podium.storage.file_locks import exclusive
from podium.storage.web import web_file
from podium.whole_files import publish_folder

MAX_BYTES = 1 << 30
DOWNLOADS = ".downloads"
"""Folder of the repository for checkpoints and unfinished downloads."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """The result of a pull.

    Args:
        path: The folder of the model, or the checkpoint.
        sha256: Hash of the weights.
        checked: Whether it was compared with a published hash, or with its first digits.
    """

    path: Path
    sha256: str
    checked: bool


def pull_model(
    network: Network,
    repository: Path,
    *,
    mirror: str | None = None,
    progress: Progress | None = None,
) -> Pulled:
    """Put a network into a repository, ready to serve.

    An undamaged version 1 is kept, even if its manifest was edited, and nothing is downloaded. A
    damaged one is replaced.

    Args:
        network: A network with ``onnx``.
        repository: Directory of the repository, created if it is missing.
        mirror: Base address to use instead of the authors', see ``web_file``.
        progress: Called with the bytes so far.

    Raises:
        SetupError: a hash is wrong, version 1 holds other weights, the disk is full, or the folder
            cannot be written.
        PodiumError: see ``download``.
    """
    assert network.onnx is not None  # noqa: S101 - the caller has checked
    assert network.manifest is not None  # noqa: S101 - networks with onnx have one
    file, manifest = network.onnx, network.manifest
    there = _intact(repository, manifest, file)
    if there is not None:
        return there

    def finish(downloaded: Path) -> Pulled:
        prepared = downloaded.with_name(f"{downloaded.name}.model")
        shutil.rmtree(prepared, ignore_errors=True)
        prepared.mkdir()
        try:
            weights = prepared / manifest.weights
            if file.member is None:
                downloaded.rename(weights)
            else:
                _extract(downloaded, file.member, weights)
            digest = _checked(weights, file)
            complete = manifest.model_copy(update={"sha256": digest})
            write_manifest(prepared / MANIFEST_FILE, complete)
            folder = repository / manifest.name / str(manifest.version)
            publish_folder(prepared, folder)
        finally:
            shutil.rmtree(prepared, ignore_errors=True)
        downloaded.unlink(missing_ok=True)
        return Pulled(folder, digest, bool(file.sha256))

    return _fetch(file, repository, mirror, progress, finish)


def pull_checkpoint(
    network: Network,
    repository: Path,
    *,
    mirror: str | None = None,
    progress: Progress | None = None,
) -> Pulled:
    """Download a network's checkpoint into a folder of the repository, for export.

    Arguments and errors are those of ``pull_model``; the network has ``checkpoint``.
    """
    assert network.checkpoint is not None  # noqa: S101 - the caller has checked
    file = network.checkpoint
    target = repository / DOWNLOADS / file.name
    record = target.with_name(f"{file.name}.sha256")  # as sha256sum writes it

    def finish(downloaded: Path) -> Pulled:
        digest = _checked(downloaded, file)
        record.write_text(f"{digest}  {file.name}\n")
        downloaded.rename(target)
        return Pulled(target, digest, bool(file.sha256))

    if target.is_file() and record.is_file():
        digest = sha256_of(target)
        if digest == record.read_text().split()[0] and digest.startswith(file.sha256):
            return Pulled(target, digest, bool(file.sha256))
    return _fetch(file, repository, mirror, progress, finish)


def _fetch(
    file: PublishedFile,
    repository: Path,
    mirror: str | None,
    progress: Progress | None,
    finish: Callable[[Path], Pulled],
) -> Pulled:
    """Download a file and call ``finish``; removes it if it is wrong or the disk is full."""
    remote = web_file(file.url, mirror)
    partial = repository / DOWNLOADS / f"{file.name}.partial"
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(partial.parent / ".lock"):
            if not file.sha256:
                partial.unlink(missing_ok=True)  # without a hash, mixed parts would go unnoticed
            resumed = partial.exists()
            while True:
                try:
                    download(remote, partial, max_bytes=MAX_BYTES, progress=progress)
                    return finish(partial)
                except WrongBytes:
                    partial.unlink(missing_ok=True)
                    if not resumed:
                        raise
                    resumed = False  # the earlier part was of another file
    except OSError as error:
        partial.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SetupError(f"{repository}: the disk is full; make room") from error
        raise SetupError(f"{repository}: cannot be written: {error.strerror}") from error


def _intact(repository: Path, manifest: Manifest, file: PublishedFile) -> Pulled | None:
    """The model in the repository; None if it is missing or damaged."""
    reference = f"{manifest.name}@{manifest.version}"
    try:
        stored = ModelRepository(repository).resolve(reference)
        stored.verified_weights()
    except SetupError:
        return None
    digest = stored.manifest.sha256
    if not digest.startswith(file.sha256):
        raise SetupError(
            f"{stored.folder}: holds other weights (sha256 {digest[:12]}, published: "
            f"{file.sha256[:12]}); give them another name or version, or remove them"
        )
    return Pulled(stored.folder, digest, bool(file.sha256))


def _checked(path: Path, file: PublishedFile) -> str:
    """The hash of a file. Raises WrongBytes if it is not the published one."""
    digest = sha256_of(path)
    if not digest.startswith(file.sha256):
        raise WrongBytes(
            f"{file.url}: not the published file (sha256 {digest[:12]}, published: "
            f"{file.sha256[:12]}); it has been removed. Try again, or another mirror"
        )
    return digest


def _extract(archive: Path, member: str, target: Path) -> None:
    """Write the only file named ``member``, in any folder of the archive, to ``target``."""
    try:
        with zipfile.ZipFile(archive) as opened:
            found = [i for i in opened.infolist() if PurePosixPath(i.filename).name == member]
            if len(found) != 1:
                raise WrongBytes(f"{archive.name}: holds {len(found)} files {member}, not one")
            with opened.open(found[0]) as source, target.open("wb") as file:
                while chunk := source.read(1 << 20):  # the declared size is not trusted
                    if file.tell() + len(chunk) > MAX_BYTES:
                        raise WrongBytes(f"{archive.name}: {member} is over {MAX_BYTES} bytes")
                    file.write(chunk)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise WrongBytes(f"{archive.name}: is no archive that can be read: {error}") from error
