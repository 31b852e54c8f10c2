"""Forms and ZIP archives with mistakes are read or refused: no other exception."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress

import pytest

from podium.api.streaming.form import StreamedForm
from podium.errors import InvalidInput
from podium.jobs.archive import Archive, ArchiveLimits
from tests.fuzz.campaign import campaign
from tests.fuzz.mutations import mutated

FORM = (
    b'--X\r\ncontent-disposition: form-data; name="expires"\r\n\r\n9\r\n'
    b'--X\r\ncontent-disposition: form-data; name="file"; filename="a.mp4"\r\n'
    b"content-type: video/mp4\r\n\r\n\0\1\r\n--\r\n\r\n--X--\r\n"
)
TYPES = ["multipart/form-data; boundary=X", 'multipart/form-data; boundary="', "a/b", ""]
LIMITS = ArchiveLimits(entries=50, entry_bytes=1 << 30, total_bytes=1 << 31)
LARGEST = 4 << 20


def test_streamed_forms():
    def read(random):
        data = mutated(random, [FORM])
        cuts = sorted(random.randrange(len(data) + 1) for _ in range(3))
        pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]

        async def body():
            for piece in pieces:
                yield piece

        with suppress(InvalidInput):
            rest = body()
            form = StreamedForm(random.choice([TYPES[0], *TYPES]))
            _finish(form.read_fields(rest))
            left = []
            while (piece := _finish(anext(rest, None))) is not None:
                left.append(piece)
            list(form.content(iter(left)))

    campaign(read)


def _finish(steps):
    """The result of a coroutine that waits for nothing."""
    try:
        steps.__await__().__next__()
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


@pytest.fixture(scope="module")
def archives() -> list[bytes]:
    """Of files that are stored, deflated, streamed, larger than 32 bits say, links and folders."""
    made = []
    for streamed in (False, True):
        written = _Unseekable() if streamed else io.BytesIO()
        with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.comment = b"PK\5\6" + bytes(18)
            archive.writestr("a.mp4", bytes(range(256)))
            archive.writestr("b/", b"")
            archive.writestr("b/\u202efdp.4\u00e9.mp4", b"abc", zipfile.ZIP_STORED)
            with archive.open("large.mp4", "w", force_zip64=True) as entry:
                entry.write(b"x" * 2000)
            link = zipfile.ZipInfo("c")
            link.external_attr = 0o100644 << 16
            archive.writestr(link, b"../../etc")
        made.append(written.getvalue())
    return [*made, b"before" + made[0]]


class _Unseekable(io.BytesIO):
    def seekable(self) -> bool:
        return False

    def seek(self, *_):
        raise io.UnsupportedOperation("seek")

    tell = seek


def test_archives(archives, tmp_path):
    path = tmp_path / "a.zip"

    def read(random):
        data = mutated(random, archives)
        at = data.rfind(b"PK\1\2" if random.random() < 0.7 else b"PK\6\6")
        if at >= 0:  # the directory is the end of it, where the other mistakes seldom are
            place = at + random.randrange(60)
            number = random.choice([0, 1, 8, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 63])
            size = random.choice([1, 2, 4, 8])
            data = (
                data[:place]
                + (number % (1 << 8 * size)).to_bytes(size, "little")
                + data[place + size :]
            )
        path.write_bytes(data)
        with suppress(InvalidInput), Archive(path, LIMITS) as archive:
            for entry in archive.entries:
                with suppress(InvalidInput):
                    assert sum(map(len, archive.read(entry))) <= min(entry.size_bytes, LARGEST)

    campaign(read)
