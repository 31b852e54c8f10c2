"""Downloads, checks and opens the pinned npm package that has the lite and heavy models."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import zlib
from pathlib import Path

from podium.errors import SetupError
from podium.zoo.pinned import Member, check_archive, read_checked

PACKAGE = "@mediapipe/pose"
VERSION = "0.5.1675469404"
ARCHIVE_SHA256 = "8bb349a7b3a3ba699df23be804ddd3b3eab810b50b15406894be257859388a84"

LITE = Member(
    "package/pose_landmark_lite.tflite",
    "f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61",
)
HEAVY = Member(
    "package/pose_landmark_heavy.tflite",
    "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
)
STATEMENT = Member(
    "package/package.json",
    "0e082c0391f92c2c7b1a28585da39017e6a48d36e021cef593fb8b5514ba4478",
)

_TIMEOUT_S = 600
_LOCAL_FILE = (
    f"Or run `npm pack {PACKAGE}@{VERSION}` elsewhere (41 MB) and give the file with `--package`."
)


def download(folder: Path) -> Path:
    """Download the package with ``npm pack``, which installs and runs nothing of it.

    Args:
        folder: An existing directory for it.

    Returns:
        The archive, not yet checked.

    Raises:
        SetupError: there is no npm or no network, or the registry no longer has the package.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise SetupError(f"npm is missing, which fetches {PACKAGE}; install it. {_LOCAL_FILE}")
    command = [npm, "pack", "--silent", "--ignore-scripts", f"{PACKAGE}@{VERSION}"]
    try:
        result = subprocess.run(  # noqa: S603 - our own argument list, no shell
            command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise SetupError(
            f"npm did not download {PACKAGE} {VERSION} within {_TIMEOUT_S} s; "
            f"check the network and try again. {_LOCAL_FILE}"
        ) from None
    archives = sorted(folder.glob("*.tgz"))
    if result.returncode or not archives:
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        reason = f": {lines[-1].strip()}" if lines else ""
        raise SetupError(
            f"npm cannot download {PACKAGE} {VERSION}{reason}; check the network, the proxy and "
            f"`npm config get registry`. {_LOCAL_FILE}"
        )
    return archives[0]


def read_members(archive: Path, members: tuple[Member, ...]) -> list[bytes]:
    """Check the archive and take files out of it.

    Args:
        archive: The file of ``npm pack``.
        members: Which files.

    Returns:
        The bytes of each, in order.

    Raises:
        SetupError: the archive is not the pinned one, or is damaged.
    """
    check_archive(archive, ARCHIVE_SHA256, f"archive of {PACKAGE} {VERSION}")
    try:
        with tarfile.open(archive, "r:gz") as opened:
            return [_read_member(opened, member) for member in members]
    except (tarfile.TarError, KeyError, EOFError, OSError, zlib.error) as error:
        raise SetupError(f"{archive.name}: damaged: {error}; fetch it again") from error


def _read_member(opened: tarfile.TarFile, member: Member) -> bytes:
    file = opened.extractfile(member.path)
    if file is None:
        raise KeyError(f"{member.path} is no file")
    with file:
        return read_checked(file, member)
