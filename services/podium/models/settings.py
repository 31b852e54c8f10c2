"""Settings of the model repository."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

from pydantic import PositiveInt, model_validator

from podium.storage.settings import S3Settings, Texts


class RepositorySettings(S3Settings):
    """Which models of a repository are served, and how they are copied from ``s3://``."""

    word: ClassVar[str] = "MODELS"

    serve: Texts = ()
    """Which models are served, with commas between them: ``name`` or ``name@latest`` (the highest
    version), ``name@3``; empty: every version of every model."""

    cache_dir: Path | None = None
    """Folder for models from ``s3://``, shared by the services of a node; unset:
    ``~/.cache/podium/models``."""

    cache_bytes: PositiveInt = 16 << 30
    """Cap on the models from ``s3://`` that are kept; those used least recently go first, and those
    that are loaded stay."""

    max_file_bytes: PositiveInt = 2 << 30
    """Larger weights are not downloaded."""

    @model_validator(mode="after")
    def _one_file_fits(self) -> Self:
        if self.cache_bytes < self.max_file_bytes:
            raise ValueError("CACHE_BYTES must be at least MAX_FILE_BYTES")
        return self


def is_s3(address: str | Path) -> bool:
    """Whether the address of a repository is an object store, not a folder."""
    return str(address).startswith("s3:")
