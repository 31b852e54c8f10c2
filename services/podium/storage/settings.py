"""Settings of objects: where stores are, what may be read and written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, ClassVar, Self
from urllib.parse import unquote_to_bytes, urlsplit

from pydantic import BeforeValidator, PositiveInt, model_validator

from podium.environment import Group
from podium.storage.s3 import S3Connection


def _split(value: object) -> object:
    return [item for item in value.split(",") if item] if isinstance(value, str) else value


def _folders(value: object) -> object:
    return [_folder(item) for item in value.split(",") if item] if isinstance(value, str) else value


def _folder(item: str) -> Path:
    """A path, or a ``file:`` address, which may hold commas and any bytes."""
    if not item.startswith("file:"):
        return Path(item)
    return Path(os.fsdecode(unquote_to_bytes(urlsplit(item).path)))


Texts = Annotated[tuple[str, ...], BeforeValidator(_split)]
Paths = Annotated[tuple[Path, ...], BeforeValidator(_folders)]


class S3Settings(Group):
    """How to reach S3 or a compatible store."""

    s3_endpoint: str | None = None
    """Base URL of an S3-compatible store; unset: AWS."""

    s3_region: str = "us-east-1"
    """Region of the buckets."""

    s3_allow_http: bool = False
    """Whether the endpoint may be plain HTTP."""

    def connection(self, *, stall_s: float | None = None) -> S3Connection:
        """Make the connection; see ``S3Connection``."""
        return S3Connection(self.s3_endpoint, self.s3_region, self.s3_allow_http, stall_s=stall_s)


class ObjectStoreSettings(S3Settings):
    """Where objects may be read and written. Lists are separated by commas."""

    word: ClassVar[str] = "OBJECTS"

    read_roots: Paths = ()
    """Folders that ``file:`` addresses may be read from; as ``file:`` addresses themselves they may
    hold commas (``%2C``)."""

    write_roots: Paths = ()
    """Folders that results may be written to as ``file:``."""

    s3_read_prefixes: Texts = ()
    """``s3://bucket/prefix`` addresses that may be read from."""

    s3_write_prefixes: Texts = ()
    """``s3://bucket/prefix`` addresses that results may be written to."""

    max_object_bytes: PositiveInt = 2 << 30
    """Larger objects are refused."""

    cache_dir: Path | None = None
    """Folder for downloaded objects; unset: a temporary one that ends with the process."""

    cache_bytes: PositiveInt = 8 << 30
    """Cap on the downloaded objects."""

    @model_validator(mode="after")
    def _one_object_fits(self) -> Self:
        if self.cache_bytes < self.max_object_bytes:
            raise ValueError("CACHE_BYTES must be at least MAX_OBJECT_BYTES")
        return self
