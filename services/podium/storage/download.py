"""Large files of object stores and web servers; a download that broke off continues."""

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
"""Called with the bytes that are there and the bytes in all."""

_ATTEMPTS = 4
_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 10.0
_CHUNK_BYTES = 256 << 10


@dataclass(frozen=True)
class RemoteFile:
    """A file to download; ``uri`` is what messages call it."""

    store: ObjectStore
    key: str
    uri: str


def download(
    remote: RemoteFile, target: Path, *, max_bytes: int, progress: Progress | None = None
) -> None:
    """Write the whole file to ``target``, from where an earlier download left it.

    A connection that breaks is made again while bytes still come. Whether the bytes of two
    downloads belong together is for the caller to check, by their hash.

    Args:
        remote: What to download.
        target: Local file; what it holds is taken for the beginning of the remote one.
        max_bytes: Larger files are refused before anything is written.
        progress: Told of every chunk.

    Raises:
        SetupError: the file is too large.
        NotFound, Forbidden: see ``store_errors``.
        Unavailable: the connection broke several times without a new byte; ``target`` keeps what
            has come.
        OSError: it cannot be written; with ENOSPC before the first byte where that can be known.
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
