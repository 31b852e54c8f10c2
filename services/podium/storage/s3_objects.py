"""``s3:`` addresses under allowed prefixes."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Sequence
from pathlib import Path

import obstore

from podium.errors import Forbidden, InvalidInput, TooLarge
from podium.storage.file_locks import HeldFile
from podium.storage.object_cache import ObjectCache
from podium.storage.s3 import S3Connection, bucket_and_key, store_errors


class S3Objects:
    """Objects of S3 or of a compatible store, read through a local cache."""

    def __init__(
        self,
        read_prefixes: Sequence[str],
        write_prefixes: Sequence[str],
        max_bytes: int,
        cache: ObjectCache,
        connection: S3Connection,
    ) -> None:
        self._prefixes = {False: read_prefixes, True: write_prefixes}
        self._max_bytes = max_bytes
        self._cache = cache
        self._connection = connection

    def check(self, uri: str, *, write: bool) -> None:
        """Raise InvalidInput or Forbidden unless ``uri`` may be read or written."""
        _, key = bucket_and_key(uri)
        if not write and not key:
            raise InvalidInput("names a bucket, not an object", field="uri")
        allowed = (f"{prefix.rstrip('/')}/" for prefix in self._prefixes[write])
        if not any(f"{uri.rstrip('/')}/".startswith(prefix) for prefix in allowed):
            raise Forbidden(
                f"uri: is outside the prefixes that may be {'written' if write else 'read'}"
            )

    def fetch(self, uri: str) -> HeldFile:
        """A local copy of an object; it is downloaded unless this version is in the cache."""
        self.check(uri, write=False)
        bucket, key = bucket_and_key(uri)
        store = self._connection.bucket(bucket)
        with store_errors(uri):
            facts = obstore.head(store, key)
            version = facts["e_tag"] or facts["last_modified"].isoformat()
            name = hashlib.sha256(f"{uri}\n{version}".encode()).hexdigest()
            size = int(facts["size"])
            if size > self._max_bytes:
                raise TooLarge(
                    f"is {size} bytes; at most {self._max_bytes} are allowed", field="uri"
                )
            cached = self._cache.get(name)
            if cached is not None:
                return cached
            # If the object is replaced meanwhile, this condition fails, not the checksum.
            found = obstore.get(store, key, options={"if_match": facts["e_tag"]})
            stream = found.stream(min_chunk_size=1 << 20)
            return self._cache.put(name, stream, size)

    def write(self, source: Path, prefix: str, name: str) -> str:
        """Upload ``source`` to ``prefix/name`` and return the address."""
        uri = f"{prefix}/{name}"
        self.check(uri, write=True)
        bucket, key = bucket_and_key(uri)
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        with store_errors(uri):
            obstore.put(
                self._connection.bucket(bucket),
                key,
                source,
                attributes={"Content-Type": media_type},
            )
        return uri
