"""Hostile ZIP archives: refused with the reason, in bounded memory."""

from __future__ import annotations

import io
import random
import stat
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from podium.errors import InvalidInput
from podium.jobs.archive import Archive, ArchiveLimits

LIMITS = ArchiveLimits(
    entries=50, directory_bytes=1 << 20, entry_bytes=1 << 30, total_bytes=1 << 31
)


def write(path: Path, *entries: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return path


def bomb(path: Path) -> Path:
    return write(path, ("zeros.mp4", bytes(64 << 20)))


def many(path: Path) -> Path:
    return write(path, *((f"{n}.txt", b"x") for n in range(60)))


def above(path: Path) -> Path:
    return write(path, ("../../etc/cron.d/x", b"x"))


def absolute(path: Path) -> Path:
    return write(path, ("/etc/passwd", b"x"))


def drive(path: Path) -> Path:
    return write(path, ("C:\\windows\\x.mp4", b"x"))


def control(path: Path) -> Path:
    return write(path, ("a\x1b[2Jb.mp4", b"x"))


def twice(path: Path) -> Path:
    return write(path, ("run.mp4", b"one"), ("RUN.mp4", b"two"))


def link(path: Path) -> Path:
    info = zipfile.ZipInfo("link.mp4")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return write(path, (info, b"/etc/passwd"))


def encrypted(path: Path) -> Path:
    write(path, ("secret.mp4", b"x"))
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    path.write_bytes(bytes(data))
    return path


def nested(path: Path) -> Path:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("x.mp4", b"x")
    return write(path, ("inner.mp4", inner.getvalue()))


def overlapping(path: Path) -> Path:
    """Many entries of the directory that all unpack the same bytes (Fifield, 2019)."""
    write(path, ("a.mp4", bytes(random.Random(1).randbytes(5000))))  # noqa: S311 - no secret
    data = path.read_bytes()
    begin = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    entry = data[begin:end]
    entries = b"".join(
        entry.replace(b"a.mp4", bytes([97 + number]) + b".mp4") for number in range(20)
    )
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 20, 20, len(entries), begin, 0)
    path.write_bytes(data[:begin] + entries + tail)
    return path


def huge_directory(path: Path) -> Path:
    """A directory of 64 MB, which a careless reader would take into memory at once."""
    size = 64 << 20
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, size, 4, 0)
    with path.open("wb") as file:
        file.write(b"PK\x03\x04")
        file.seek(4 + size)
        file.write(tail)
    return path


def too_much(path: Path) -> Path:
    """Entries that declare 3 GiB together, without being that long."""
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(6):
            archive.writestr(f"{number}.mp4", b"x" * 10)
    data = bytearray(path.read_bytes())
    at = -1
    while (at := data.find(b"PK\x01\x02", at + 1)) >= 0:
        struct.pack_into("<LL", data, at + 20, 600 << 20, 600 << 20)
    path.write_bytes(bytes(data))
    return path


def nameless(path: Path) -> Path:
    write(path, ("a", b"x"))
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 26), (b"PK\x01\x02", 28)):
        struct.pack_into("<HH", data, data.index(signature) + offset, 0, 1)  # its extra field now
    path.write_bytes(bytes(data))
    return path


def elsewhere(path: Path) -> Path:
    """An entry that begins before the file does: the directory is said to come later."""
    write(path, ("a.mp4", b"x"))
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x05\x06") + 16
    struct.pack_into("<L", data, at, data.index(b"PK\x01\x02") + 1)
    path.write_bytes(bytes(data))
    return path


HOSTILE: list[tuple[Callable[[Path], Path], str]] = [
    (bomb, "compressed more than 100 times"),
    (many, "60 entries; at most 50"),
    (above, "leads out of the archive"),
    (absolute, "leads out of the archive"),
    (drive, "leads out of the archive"),
    (control, "control characters"),
    (twice, "is there twice"),
    (link, "is a link or a device"),
    (encrypted, "is encrypted"),
    (nested, "an archive in the archive"),
    (overlapping, "shares its bytes"),
    (nameless, "is an entry without a name"),
    (elsewhere, "is said to begin outside of the archive"),
    (huge_directory, "a directory of 67108864 bytes"),
    (too_much, "unpacks to 3774873600 bytes"),
]


@pytest.mark.parametrize(("make", "why"), HOSTILE, ids=[make.__name__ for make, _ in HOSTILE])
def test_hostile_archives_are_refused_in_bounded_memory(
    make: Callable[[Path], Path], why: str, tmp_path: Path
) -> None:
    path = make(tmp_path / "hostile.zip")
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput, match=why) as refused:
            Archive(path, LIMITS)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    assert refused.value.message.startswith("upload: ")
    assert "\x1b" not in refused.value.message


def test_an_entry_is_never_longer_than_it_declares(tmp_path: Path) -> None:
    path = write(tmp_path / "lies.zip", ("long.mp4", bytes(1 << 20)))
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<L", data, data.index(signature) + offset, 1000)
    path.write_bytes(bytes(data))
    pieces: list[bytes] = []
    with (
        Archive(path, LIMITS) as archive,
        pytest.raises(InvalidInput, match="not as long as the archive says"),
    ):
        pieces.extend(archive.read(archive.entries[0]))
    assert sum(map(len, pieces)) <= 1000


def test_one_damaged_entry_leaves_the_others_readable(tmp_path: Path) -> None:
    path = write(tmp_path / "damaged.zip", ("bad.mp4", b"b" * 500), ("good.mp4", b"g" * 500))
    data = bytearray(path.read_bytes())
    data[data.index(b"bad.mp4") + len("bad.mp4") + 4] ^= 0xFF
    path.write_bytes(bytes(data))
    with Archive(path, LIMITS) as archive:
        bad, good = archive.entries
        with pytest.raises(InvalidInput, match=r"'bad.mp4' is damaged"):
            list(archive.read(bad))
        assert b"".join(archive.read(good)) == b"g" * 500


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"PK\x05\x06" + bytes(10), b"no zip at all"])
def test_what_is_no_archive_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.zip"
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match="damaged ZIP"):
        Archive(path)


def test_random_damage_never_escapes(tmp_path: Path) -> None:
    chance = random.Random(3)  # noqa: S311 - repeatable, no secret
    path = tmp_path / "fuzzed.zip"
    whole = write(path, *((f"{n}.mp4", chance.randbytes(200)) for n in range(5))).read_bytes()
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(bytes(data))
        try:
            with Archive(path, LIMITS) as archive:
                for entry in archive.entries:
                    list(archive.read(entry))
        except InvalidInput:
            pass


def test_files_of_operating_systems_are_left_out(tmp_path: Path) -> None:
    path = write(
        tmp_path / "mac.zip",
        ("run/a.mp4", b"a"),
        ("__MACOSX/run/._a.mp4", b"x"),
        ("run/.DS_Store", b"x"),
    )
    with Archive(path, LIMITS) as archive:
        assert [entry.name for entry in archive.entries] == ["run/a.mp4"]
