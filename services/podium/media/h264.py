"""Finds out which H.264 packets are frames and which are fields (ITU-T H.264, 7.3 and 7.4)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from av.packet import Packet

from podium.media.nal_units import BitReader, first_picture, length_bytes, parts, units

_PICTURES = frozenset({1, 2, 5})  # slices and the first partition of slices
_SPS, _PPS = 7, 8
_INTRA = frozenset({2, 4})  # slice_type modulo 5: I and SI
_HEADER_BYTES = 64  # enough for the syntax elements of a slice that are read
_WITH_CHROMA = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244})
"""Profiles whose sequence parameter set has the chroma format."""


@dataclass(frozen=True, slots=True)
class _Sequence:
    """The part of a sequence parameter set that concerns fields."""

    only_frames: bool
    frame_num_bits: int
    separate_planes: bool


@dataclass(frozen=True, slots=True)
class _Field:
    frame_num: int
    is_bottom: bool


class FieldPairs:
    """Tells for packets in decoding order whether they show a frame.

    The two fields of a frame may be in two packets (AVCHD camcorders) or in one.

    Args:
        extradata: The codec's extradata: parameter sets that are not in the packets.
    """

    def __init__(self, extradata: bytes) -> None:
        self._size = length_bytes(extradata, at=4)
        self._sequences: dict[int, _Sequence] = {}
        self._sequence_of: dict[int, int] = {}  # picture parameter set -> sequence parameter set
        self._first: _Field | None = None  # a first field without its second one
        for unit in _parameter_sets(extradata) if self._size else _split(extradata, 0):
            self._read_parameters(unit)

    def read(self, packet: Packet[Any]) -> int:
        """0: the packet shows nothing, 1: a frame, 2: the second field of the one before."""
        for data in parts(packet):
            found = self._pictures(data)
            if found and found[0] is None:
                self._first = None
                return 1
        if not found:
            return 0
        first = found[0]
        both_here = any(field and first and field.is_bottom != first.is_bottom for field in found)
        is_second = (
            self._first is not None
            and first is not None
            and self._first.frame_num == first.frame_num
            and self._first.is_bottom != first.is_bottom
        )
        self._first = None if both_here or is_second else first
        return 2 if is_second else 1

    def _pictures(self, data: bytes) -> list[_Field | None]:
        """The fields of a packet's slices; None: the slice is part of a whole frame."""
        found: list[_Field | None] = []
        for at in units(data, self._size):
            kind = data[at] & 0x1F
            if kind in (_SPS, _PPS):
                self._read_parameters(data[at : at + 4096])
            elif kind in _PICTURES:
                found.append(self._field(data[at : at + _HEADER_BYTES]))
                if found[0] is None:
                    break
        return found

    def _field(self, unit: bytes) -> _Field | None:
        """The field that a slice belongs to; None: it is part of a whole frame."""
        if all(sequence.only_frames for sequence in self._sequences.values()):
            return None
        try:
            bits = BitReader(unit[1:])
            bits.unsigned()  # first_mb_in_slice
            bits.unsigned()  # slice_type
            sequence = self._sequences[self._sequence_of[bits.unsigned()]]
            if sequence.only_frames:
                return None
            if sequence.separate_planes:
                bits.bits(2)
            frame_num = bits.bits(sequence.frame_num_bits)
            return _Field(frame_num, bool(bits.bits(1))) if bits.bits(1) else None
        except (IndexError, KeyError):  # damaged
            return None

    def _read_parameters(self, unit: bytes) -> None:
        try:
            bits = BitReader(unit[1:])
            if unit[0] & 0x1F == _PPS:
                picture = bits.unsigned()
                self._sequence_of[picture] = bits.unsigned()
            elif unit[0] & 0x1F == _SPS:
                number, sequence = _read_sequence(bits)
                self._sequences[number] = sequence
        except IndexError:  # damaged
            return


def starts_with_intra(packet: Packet[Any], extradata: bytes) -> bool:
    """Whether the first slice of a packet is intra-coded; also true if there is no slice."""
    size = length_bytes(extradata, at=4)
    for data in parts(packet):
        at = first_picture(data, size, lambda header: header & 0x1F in _PICTURES)
        if at >= 0:
            try:
                bits = BitReader(data[at + 1 : at + _HEADER_BYTES])
                bits.unsigned()  # first_mb_in_slice
                return bits.unsigned() % 5 in _INTRA
            except IndexError:  # damaged
                return True
    return True


def _read_sequence(bits: BitReader) -> tuple[int, _Sequence]:
    profile = bits.bits(8)
    bits.bits(16)  # constraints, level
    number = bits.unsigned()
    separate_planes = False
    if profile in _WITH_CHROMA:
        chroma = bits.unsigned()
        if chroma == 3:
            separate_planes = bool(bits.bits(1))
        bits.unsigned()  # bit_depth_luma_minus8
        bits.unsigned()  # bit_depth_chroma_minus8
        bits.bits(1)  # qpprime_y_zero_transform_bypass_flag
        if bits.bits(1):
            _skip_scaling_lists(bits, 12 if chroma == 3 else 8)
    frame_num_bits = bits.unsigned() + 4
    order_type = bits.unsigned()
    if order_type == 0:
        bits.unsigned()  # log2_max_pic_order_cnt_lsb_minus4
    elif order_type == 1:
        bits.bits(1)
        bits.signed()
        bits.signed()
        for _ in range(min(bits.unsigned(), 255)):
            bits.signed()
    bits.unsigned()  # max_num_ref_frames
    bits.bits(1)  # gaps_in_frame_num_value_allowed_flag
    bits.unsigned()  # pic_width_in_mbs_minus1
    bits.unsigned()  # pic_height_in_map_units_minus1
    only_frames = bool(bits.bits(1))
    return number, _Sequence(only_frames, min(frame_num_bits, 16), separate_planes)


def _skip_scaling_lists(bits: BitReader, count: int) -> None:
    for number in range(count):
        if not bits.bits(1):
            continue
        last = following = 8
        for _ in range(16 if number < 6 else 64):
            if following:
                following = (last + bits.signed()) % 256
            last = following or last


def _parameter_sets(record: bytes) -> list[bytes]:
    """The parameter sets in a configuration record (ISO/IEC 14496-15, 5.3.3.1)."""
    found: list[bytes] = []
    at = 5
    for mask in (0x1F, 0xFF):  # sequence, then picture parameter sets
        count, at = (record[at] & mask if at < len(record) else 0), at + 1
        for _ in range(count):
            length = int.from_bytes(record[at : at + 2], "big")
            found.append(record[at + 2 : at + 2 + length])
            at += 2 + length
    return [unit for unit in found if unit]


def _split(data: bytes, size: int) -> list[bytes]:
    starts = [*units(data, size), len(data) + 3]
    return [data[at : after - 3] for at, after in pairwise(starts)]
