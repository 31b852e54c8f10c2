"""Files of pinned archives: hashes of the archive and of what is taken out of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from podium.errors import SetupError

_MAX_MEMBER_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside an archive."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Archive:
    """A published archive that holds models.

    Args:
        title: Package and version.
        kind: What the file is called.
        download: Fetches it into an existing folder; raises SetupError.
        read_members: Checks the file and takes members out of it; raises SetupError.
        license: The member that states the licence.
        license_file: Its name beside the models.
    """

    title: str
    kind: str
    download: Callable[[Path], Path]
    read_members: Callable[[Path, tuple[Member, ...]], list[bytes]]
    license: Member
    license_file: str


def check_archive(path: Path, sha256: str, wanted: str) -> None:
    """Raise SetupError, saying what is ``wanted``, unless the file has this hash."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SetupError(f"{path}: cannot be read: {error.strerror}") from error
    if digest != sha256:
        raise SetupError(
            f"{path.name}: not the pinned {wanted} (sha256 {digest[:12]}, wanted {sha256[:12]})"
        )


def read_checked(file: IO[bytes], member: Member) -> bytes:
    """The bytes of a member. Raises SetupError if their hash is not the pinned one."""
    data = file.read(_MAX_MEMBER_BYTES + 1)  # the declared size is not trusted
    if hashlib.sha256(data).hexdigest() != member.sha256:
        raise SetupError(f"{member.path}: its sha256 is not the pinned one; fetch the file again")
    return data
