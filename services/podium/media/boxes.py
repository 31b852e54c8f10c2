"""The boxes of an MP4 (ISO/IEC 14496-12, 4.2) that do not hold pixels or sound."""

from __future__ import annotations

import io
from collections.abc import Iterator

from podium.errors import TooLarge
from podium.media.files import Data, opened

_MOST_BYTES = 256 << 20
_MOST_BOXES = 200_000
_PIXELS_AND_GAPS = frozenset({b"mdat", b"free", b"skip", b"wide"})


def header_boxes(data: Data, *, field: str) -> Iterator[bytes]:
    """The top-level boxes of a file with their heads, without pixels, sound and gaps.

    Raises:
        TooLarge: they have more than 256 MiB, or there are more than 200,000.
    """
    at = total = count = 0
    with opened(data) as file:
        size = file.seek(0, io.SEEK_END)
        while at + 8 <= size:
            file.seek(at)
            head = file.read(16)
            length, name = int.from_bytes(head[:4], "big"), head[4:8]
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            elif length == 0:
                length = size - at
            if length < 8:
                return
            count += 1
            if count > _MOST_BOXES:
                raise TooLarge(f"has more than {_MOST_BOXES} boxes", field=field)
            if name not in _PIXELS_AND_GAPS:
                length = min(length, size - at)
                total += length
                if total > _MOST_BYTES:
                    raise TooLarge(f"has a header of more than {_MOST_BYTES} bytes", field=field)
                file.seek(at)
                yield file.read(length)
            at += length
