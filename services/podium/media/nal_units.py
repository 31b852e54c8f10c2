"""NAL units of H.264 and HEVC: the parts of a packet (ITU-T H.264 and H.265, annex B)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from av.packet import Packet

_START_CODE = b"\0\0\1"
_LONGEST_CODE = 32
_BEGINNING_BYTES = 4096


def parts(packet: Packet[Any]) -> Iterator[bytes]:
    """The beginning of a packet, which is usually enough, then the whole packet."""
    if packet.size > _BEGINNING_BYTES:
        yield bytes(memoryview(packet)[:_BEGINNING_BYTES])
    yield bytes(packet)


def length_bytes(extradata: bytes, *, at: int) -> int:
    """Size in bytes of the length before a unit; 0: units follow start codes instead.

    Args:
        extradata: The codec's extradata: a configuration record (ISO/IEC 14496-15) or units.
        at: Position of that size in a configuration record.
    """
    is_record = len(extradata) > at and extradata[0] == 1
    return (extradata[at] & 3) + 1 if is_record else 0


def units(data: bytes, size: int) -> Iterator[int]:
    """Positions in ``data`` of the first byte of each unit, after its length or start code.

    Args:
        data: A packet.
        size: From ``length_bytes``.
    """
    at = 0
    if size:
        while at + size < len(data):
            yield at + size
            at += size + int.from_bytes(data[at : at + size], "big")
        return
    while (at := data.find(_START_CODE, at)) >= 0 and at + 3 < len(data):
        at += 3
        yield at


def first_picture(data: bytes, size: int, is_picture: Callable[[int], bool]) -> int:
    """Position of the first unit whose first byte satisfies ``is_picture``; -1: none."""
    return next((at for at in units(data, size) if is_picture(data[at])), -1)


class BitReader:
    """Reads the bits of a unit, most significant first, without emulation prevention bytes.

    Raises:
        IndexError: on reading beyond the end, or a code longer than allowed.
    """

    def __init__(self, unit: bytes) -> None:
        self._data = unit.replace(b"\0\0\3", b"\0\0")
        self._at = 0

    def bits(self, count: int) -> int:
        """The next ``count`` bits as a number."""
        value = 0
        for _ in range(count):
            value = value << 1 | self._data[self._at >> 3] >> (7 - (self._at & 7)) & 1
            self._at += 1
        return value

    def unsigned(self) -> int:
        """Exp-Golomb code of an unsigned number (ITU-T H.264, 9.1)."""
        zeros = 0
        while not self.bits(1):
            zeros += 1
            if zeros > _LONGEST_CODE:
                raise IndexError
        return (1 << zeros) - 1 + self.bits(zeros)

    def signed(self) -> int:
        """Exp-Golomb code of a signed number."""
        code = self.unsigned()
        return (code + 1) // 2 if code & 1 else -(code // 2)
