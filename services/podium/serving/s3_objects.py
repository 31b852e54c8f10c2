"""``s3:`` addresses under allowed prefixes.

Credentials are found the way the AWS tools find them: environment, web identity, instance role.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import (
    BaseError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from podium.errors import Forbidden, InvalidInput, NotFound, TooLarge, Unavailable
from podium.serving.object_cache import ObjectCache

if TYPE_CHECKING:
    from obstore.store import S3Config


class S3Objects:
    """Objects of S3 or of a store that speaks its protocol, read through a local cache."""

    def __init__(
        self,
        read_prefixes: Sequence[str],
        write_prefixes: Sequence[str],
        max_bytes: int,
        cache: ObjectCache,
        *,
        endpoint: str | None,
        region: str,
        allow_http: bool,
    ) -> None:
        self._prefixes = {False: read_prefixes, True: write_prefixes}
        self._max_bytes = max_bytes
        self._cache = cache
        self._endpoint = endpoint
        self._region = region
        self._allow_http = allow_http
        self._buckets: dict[str, S3Store] = {}

    def check(self, uri: str, *, write: bool) -> None:
        """Raise InvalidInput or Forbidden unless ``uri`` may be read or written."""
        _, key = _bucket_and_key(uri)
        if not write and not key:
            raise InvalidInput("names a bucket, not an object", field="uri")
        allowed = (f"{prefix.rstrip('/')}/" for prefix in self._prefixes[write])
        if not any(f"{uri.rstrip('/')}/".startswith(prefix) for prefix in allowed):
            raise Forbidden(
                f"uri: is outside the prefixes that may be {'written' if write else 'read'}"
            )

    def fetch(self, uri: str) -> Path:
        """The local copy of an object; downloaded unless this version is in the cache."""
        self.check(uri, write=False)
        bucket, key = _bucket_and_key(uri)
        store = self._bucket(bucket)
        with _translated(uri):
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
            # A version that replaces this one meanwhile fails the condition, not the checksum.
            found = obstore.get(store, key, options={"if_match": facts["e_tag"]})
            stream = found.stream(min_chunk_size=1 << 20)
            return self._cache.put(name, stream, size)

    def write(self, source: Path, prefix: str, name: str) -> str:
        """Upload ``source`` to ``prefix/name`` and return the address."""
        uri = f"{prefix}/{name}"
        self.check(uri, write=True)
        bucket, key = _bucket_and_key(uri)
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        with _translated(uri):
            obstore.put(self._bucket(bucket), key, source, attributes={"Content-Type": media_type})
        return uri

    def _bucket(self, name: str) -> S3Store:
        if name not in self._buckets:
            config: S3Config = {"region": self._region}
            if self._endpoint:
                config["endpoint"] = self._endpoint
            self._buckets[name] = S3Store(
                name,
                config=config,
                client_options={
                    "allow_http": self._allow_http,
                    "connect_timeout": timedelta(seconds=5),
                    "timeout": timedelta(minutes=5),
                },
                retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=20)},
            )
        return self._buckets[name]


def _bucket_and_key(uri: str) -> tuple[str, str]:
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    parts = key.rstrip("/").split("/") if key else []
    if scheme != "s3" or not bucket or any(part in ("", ".", "..") for part in parts):
        raise InvalidInput("must look like s3://bucket/folder/name", field="uri")
    return bucket, key.rstrip("/")


@contextmanager
def _translated(uri: str) -> Iterator[None]:
    try:
        yield
    except (NotFoundError, FileNotFoundError):
        raise NotFound(f"uri: there is no object {uri}") from None
    except (PermissionDeniedError, UnauthenticatedError, PermissionError):
        raise Forbidden("uri: the object store refuses the credentials of this service") from None
    except BaseError as error:
        raise Unavailable("uri: the object store does not answer; try again") from error
