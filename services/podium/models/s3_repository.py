"""A model repository at ``s3://bucket/prefix``, read through a local cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import obstore

from podium.errors import NotFound, SetupError
from podium.models.cache import Download, ModelCache, versions_in
from podium.models.manifest import MANIFEST_FILE, MAX_MANIFEST_BYTES, Manifest, parse_manifest
from podium.models.repository import (
    ModelRepository,
    StoredModel,
    is_name,
    is_version,
    require_place,
)
from podium.models.settings import RepositorySettings, is_s3
from podium.storage.download import RemoteFile, download
from podium.storage.file_locks import HeldFile
from podium.storage.folder_cache import FolderCache
from podium.storage.s3 import S3Connection, bucket_and_key, store_errors

Progress = Callable[[str, int, int], None]
"""Called with ``name@version``, the bytes so far and the bytes in all."""

_MAX_OBJECTS = 100_000
_STALL_S = 30


@dataclass(frozen=True, slots=True)
class RemoteModel(StoredModel):
    """A model of an object store; its weights are downloaded on first use."""

    cache: ModelCache
    size: int
    download: Download

    def verified_weights(self) -> Path:
        """The downloaded weights; only ``hold`` protects them. Raises PodiumError."""
        return self.hold().path

    def hold(self) -> HeldFile:
        """Local weights, protected while the result lives. Raises PodiumError."""
        return self.cache.hold(self.manifest, self.size, self.download)


class S3Repository(ModelRepository):
    """The models under one prefix of a bucket.

    Args:
        uri: ``s3://bucket/prefix``.
        connection: Where the bucket is.
        cache: Folder of the downloads.
        max_file_bytes: Larger weights are refused.
        progress: Called during downloads.

    Raises:
        InvalidInput: ``uri`` is malformed.
    """

    def __init__(
        self,
        uri: str,
        connection: S3Connection,
        cache: ModelCache,
        *,
        max_file_bytes: int,
        progress: Progress | None = None,
    ) -> None:
        super().__init__(cache.folder)
        self._uri = uri.rstrip("/")
        bucket, self._prefix = bucket_and_key(uri, named="model repository")
        self._store = connection.bucket(bucket)
        self._cache = cache
        self._max_file_bytes = max_file_bytes
        self._progress = progress

    @property
    def address(self) -> str:
        return self._uri

    def folders(self) -> list[tuple[str, int]]:
        return sorted(self._list(self._prefix))

    def versions(self, name: str) -> list[int]:
        if not is_name(name):
            return []
        return sorted(version for _, version in self._list(self._key(name)))

    def load(self, name: str, version: int) -> StoredModel:
        """Read the manifest of a folder; the weights are not downloaded.

        Raises:
            SetupError: it is wrong, or the weights are missing or too large.
            NotFound, Forbidden, Unavailable: see ``store_errors``.
        """
        remote = self._remote(name, version, MANIFEST_FILE)
        with store_errors(remote.uri, named="model repository"):
            found = obstore.get(self._store, remote.key)
            if int(found.meta["size"]) > MAX_MANIFEST_BYTES:
                raise SetupError(f"{remote.uri}: is larger than 1 MiB; is it a manifest at all?")
            text = bytes(found.bytes())
        manifest = parse_manifest(text, remote.uri)
        require_place(manifest, name, version, remote.uri)
        return self._model(manifest)

    def _model(self, manifest: Manifest) -> StoredModel:
        remote = self._remote(manifest.name, manifest.version, manifest.weights)
        try:
            with store_errors(remote.uri, named="model repository"):
                size = int(obstore.head(self._store, remote.key)["size"])
        except NotFound:
            raise SetupError(f"{remote.uri}: missing; upload it again") from None
        if size > self._max_file_bytes:
            raise SetupError(
                f"{remote.uri}: is {size} bytes; at most {self._max_file_bytes} are allowed, "
                "which PODIUM_MODELS_MAX_FILE_BYTES raises"
            )

        def bring(target: Path) -> None:
            download(
                remote,
                target,
                max_bytes=self._max_file_bytes,
                progress=lambda there, total: self._tell(manifest, there, total),
            )

        folder = self._cache.folder / manifest.name / str(manifest.version)
        return RemoteModel(manifest, folder, self._cache, size, bring)

    def _tell(self, manifest: Manifest, there: int, total: int) -> None:
        if self._progress:
            self._progress(f"{manifest.name}@{manifest.version}", there, total)

    def _remote(self, name: str, version: int, file: str) -> RemoteFile:
        below = f"{name}/{version}/{file}"
        return RemoteFile(self._store, self._key(below), f"{self._uri}/{below}")

    def _key(self, below: str) -> str:
        return f"{self._prefix}/{below}" if self._prefix else below

    def _list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Name and version of every manifest below a prefix."""
        seen = 0
        with store_errors(self._uri, named="model repository"):
            for page in obstore.list(self._store, f"{prefix}/" if prefix else None):
                seen += len(page)
                if seen > _MAX_OBJECTS:
                    raise SetupError(f"{self._uri}: holds over {_MAX_OBJECTS} objects; is it one?")
                for entry in page:
                    below = str(entry["path"])[len(self._key("")) :]
                    match below.split("/"):
                        case [name, version, file] if (
                            file == MANIFEST_FILE and is_name(name) and is_version(version)
                        ):
                            yield name, int(version)


def open_repository(address: str | Path, settings: RepositorySettings) -> ModelRepository:
    """The repository at a folder or an ``s3://bucket/prefix``.

    Raises:
        InvalidInput: the address is malformed.
    """
    if not is_s3(address):
        return ModelRepository(Path(address))
    folder = settings.cache_dir or Path.home() / ".cache" / "podium" / "models"
    uri = str(address)
    origin = hashlib.sha256(f"{settings.s3_endpoint} {uri.rstrip('/')}".encode()).hexdigest()[:16]
    return s3_repository(
        uri,
        settings,
        ModelCache(
            folder / origin,
            FolderCache(folder, settings.cache_bytes, versions_in),
        ),
    )


def s3_repository(
    uri: str, settings: RepositorySettings, cache: ModelCache, progress: Progress | None = None
) -> S3Repository:
    """The repository at ``s3://bucket/prefix``, with downloads in ``cache``.

    Raises:
        InvalidInput: the address is malformed.
    """
    connection = settings.connection(stall_s=_STALL_S)
    return S3Repository(
        uri, connection, cache, max_file_bytes=settings.max_file_bytes, progress=progress
    )
