"""Downloads, checks and opens the pinned wheel that has the default models."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from podium.errors import SetupError
from podium.zoo.pinned import Member, check_archive, read_checked

PACKAGE = "mediapipe"
VERSION = "0.10.21"
WHEEL_SHA256 = "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"

_PIP_TIMEOUT_S = 600
_LOCAL_WHEEL = "Or fetch the wheel elsewhere and run `podium models pull blazepose --wheel FILE`."


# Later wheels of the package do not have these files.
DETECTOR = Member(
    "mediapipe/modules/pose_detection/pose_detection.tflite",
    "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
)
LANDMARK = Member(
    "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
    "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
)
LICENSE = Member(
    f"{PACKAGE}-{VERSION}.dist-info/LICENSE",
    "8707eef0533987efc5b155d64761eeb6e20793f50b9bd1a68dad1cf4719d0ed8",
)


def download(folder: Path) -> Path:
    """Download the wheel with pip; it is the same file for every platform.

    Args:
        folder: An existing directory for it.

    Returns:
        The wheel, not yet checked.

    Raises:
        SetupError: there is no pip or no network, or the package index no longer has the wheel.
    """
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"),
        *("--disable-pip-version-check", "--progress-bar", "off", "--retries", "2"),
        *("--python-version", "3.11", "--platform", "manylinux_2_28_x86_64"),
        *("--only-binary=:all:", "--dest", str(folder), f"{PACKAGE}=={VERSION}"),
    ]
    try:
        result = subprocess.run(  # noqa: S603 - our own argument list, no shell
            command, capture_output=True, text=True, timeout=_PIP_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise SetupError(
            f"pip did not download {PACKAGE} {VERSION} within {_PIP_TIMEOUT_S} s; "
            f"check the network and try again. {_LOCAL_WHEEL}"
        ) from None
    if result.returncode:
        raise SetupError(_explain(result.stderr))
    wheels = sorted(folder.glob("*.whl"))
    if not wheels:
        raise SetupError(f"pip left no {PACKAGE} wheel behind; try again. {_LOCAL_WHEEL}")
    return wheels[0]


def _explain(stderr: str) -> str:
    if "No module named pip" in stderr:
        return (
            f"pip is missing in {sys.executable}; install it with "
            f"`{sys.executable} -m ensurepip`. {_LOCAL_WHEEL}"
        )
    offline = (
        "NewConnectionError",
        "connection broken",
        "ConnectTimeout",
        "ProxyError",
        "SSLError",
    )
    if any(sign in stderr for sign in offline):
        return (
            f"pip cannot reach the package index for {PACKAGE} {VERSION}; "
            f"check the network and proxy and try again. {_LOCAL_WHEEL}"
        )
    if "No matching distribution" in stderr:
        return f"the package index does not offer {PACKAGE} {VERSION} (withdrawn?). {_LOCAL_WHEEL}"
    errors = [line for line in stderr.splitlines() if line.strip()]
    reason = errors[-1].strip() if errors else "no reason given"
    return f"pip cannot download {PACKAGE} {VERSION}: {reason}. {_LOCAL_WHEEL}"


def read_members(wheel: Path, members: tuple[Member, ...]) -> list[bytes]:
    """Check the wheel and take files out of it.

    Args:
        wheel: The wheel file.
        members: Which files.

    Returns:
        The bytes of each, in order.

    Raises:
        SetupError: the wheel is not the pinned one, or is damaged.
    """
    check_archive(
        wheel, WHEEL_SHA256, f"{PACKAGE} {VERSION} wheel, the cp311 manylinux_2_28_x86_64 one"
    )
    try:
        with zipfile.ZipFile(wheel) as archive:
            return [_read_member(archive, member) for member in members]
    except (zipfile.BadZipFile, KeyError) as error:
        raise SetupError(f"{wheel.name}: damaged: {error}; fetch it again") from error


def _read_member(archive: zipfile.ZipFile, member: Member) -> bytes:
    with archive.open(member.path) as file:
        return read_checked(file, member)
