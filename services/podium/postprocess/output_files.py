"""The list of written files, with sizes and hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from podium.schemas.summary import OutputFile

_MEDIA_TYPES = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".mp4": "video/mp4",
    ".jpg": "image/jpeg",
    ".html": "text/html",
}


def output_files(folder: Path, names: Iterable[str]) -> list[OutputFile]:
    """Files of a folder with local addresses."""
    return [_output_file(folder / name, name) for name in names]


def _output_file(path: Path, name: str) -> OutputFile:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return OutputFile(
        name=name,
        uri=path.absolute().as_uri(),
        size_bytes=path.stat().st_size,
        sha256=digest,
        media_type=_MEDIA_TYPES[path.suffix],
    )
