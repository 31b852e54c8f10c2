"""Downloads large files from object stores and web servers; continues interrupted downloads."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import NotSupportedError
from obstore.store import ObjectStore

from podium.backoff import backoff_s
from podium.errors import SetupError, Unavailable
from podium.storage.s3 import store_errors

if TYPE_CHECKING:
    from obstore import ObjectMeta

Progress = Callable[[int, int], None]
"""Called with the bytes so far and the bytes in all."""

_ATTEMPTS = 4
_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 10.0
_CHUNK_BYTES = 256 << 10


@dataclass(frozen=True)
class RemoteFile:
    """A file to download; messages name it by ``uri``."""

    store: ObjectStore
    key: str
    uri: str


def download(
    remote: RemoteFile, target: Path, *, max_bytes: int, progress: Progress | None = None
) -> None:
    """Download a file to ``target``; continues an earlier download.

    After a lost connection it reconnects, as long as there is progress. The caller has to check
    the hash: the two parts may be of different files.

    Args:
        remote: The file to download.
        target: Local file; its bytes are taken for the beginning of the remote file.
        max_bytes: Larger files are refused before anything is written.
        progress: Called for every chunk.

    Raises:
        SetupError: the file is too large.
        NotFound, Forbidden: see ``store_errors``.
        Unavailable: several connections in a row broke without a new byte; ``target`` keeps the
            bytes so far.
        OSError: it cannot be written; ENOSPC is raised before the first byte if possible.
    """
    fruitless, begun = 0, None
    while True:
        before = _size(target)
        try:
            with store_errors(remote.uri, named="download"):
                facts = obstore.head(remote.store, remote.key)
                if begun is not None and facts["e_tag"] != begun["e_tag"]:
                    _start_over(target)
                begun = facts
                _continue(remote, facts, target, max_bytes, progress or _no_progress)
            return
        except Unavailable as error:
            fruitless = 0 if _size(target) > before else fruitless + 1
            if fruitless == _ATTEMPTS:
                there = _size(target)
                what = f"broke off after {there} bytes" if there else "cannot be reached"
                raise Unavailable(
                    f"{remote.uri}: {what}; check the network and try again: "
                    "a download continues where it was"
                ) from error
            time.sleep(
                backoff_s(fruitless, first_s=_PAUSE_S, longest_s=_LONGEST_PAUSE_S, least_s=_PAUSE_S)
            )


def _continue(
    remote: RemoteFile, facts: ObjectMeta, target: Path, max_bytes: int, progress: Progress
) -> None:
    total, there = int(facts["size"]), _size(target)
    if total > max_bytes:
        raise SetupError(f"{remote.uri}: is {total} bytes; at most {max_bytes} are allowed")
    if there > total:
        there = _start_over(target)
    if shutil.disk_usage(target.parent).free < total - there:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
    if there == total:
        target.touch()
        return
    try:
        found = obstore.get(
            remote.store, remote.key, options={"range": {"offset": there}} if there else {}
        )
    except NotSupportedError:  # a server without ranges
        there = _start_over(target)
        found = obstore.get(remote.store, remote.key)
    if (found.meta["size"], found.meta["e_tag"]) != (facts["size"], facts["e_tag"]):
        _start_over(target)
        raise Unavailable(f"{remote.uri}: was replaced during the download")
    with target.open("ab") as file:
        for chunk in found.stream(min_chunk_size=_CHUNK_BYTES):
            file.write(chunk)
            there += len(chunk)
            progress(there, total)


def _no_progress(there: int, total: int) -> None:
    pass


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _start_over(target: Path) -> int:
    target.unlink(missing_ok=True)
    return 0
