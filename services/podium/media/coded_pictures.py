"""Finds out from the first bytes of a packet what it shows, without decoding it.

Most packets hold one frame. Some hold none (messages without a picture, references that are never
shown), some only the second of the two fields of a frame.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

from av.packet import Packet
from av.video.codeccontext import VideoCodecContext

from podium.media.h264 import FieldPairs, starts_with_intra
from podium.media.nal_units import first_picture, length_bytes, parts


class Shown(IntEnum):
    """What the decoder shows of a packet."""

    NOTHING = 0
    FRAME = 1
    REST = 2  # the second field of the frame in the packet before


ReadPacket = Callable[["Packet[Any]"], Shown]

_VOP = b"\0\0\1\xb6"
_SMALL_VOP_BYTES = 19
"""Largest size of an MPEG-4 picture that is "not coded" (ISO/IEC 14496-2, 6.2.5)."""


def may_be_packed(packet: Packet[Any]) -> bool:
    """Whether an MPEG-4 packet holds two pictures, or may be the empty packet after these."""
    return packet.size <= _SMALL_VOP_BYTES or bytes(packet).count(_VOP) > 1


def mpeg4_header(packet: Packet[Any]) -> bytes:
    """The bytes before the first picture of an MPEG-4 packet."""
    data = bytes(packet)
    return data[: max(0, data.find(_VOP))]


def is_key(packet: Packet[Any], codec: VideoCodecContext) -> bool:
    """Whether decoding can begin with a packet. FFmpeg's flag is wrong for H.263: always set."""
    if codec.name != "h263":
        return packet.is_keyframe
    header = bytes(packet)[:5]
    source_format, is_inter = header[-1] >> 2 & 7, header[-1] >> 1 & 1  # ITU-T H.263, 5.1.3
    return source_format != 7 and not is_inter


def is_gradual(packet: Packet[Any], codec: VideoCodecContext) -> bool:
    """Whether an H.264 "key frame" only starts a gradual refresh (intra refresh)."""
    return codec.name == "h264" and not starts_with_intra(packet, bytes(codec.extradata or b""))


def packet_reader(codec: VideoCodecContext) -> ReadPacket:
    """A function that tells what each packet of a stream, in decoding order, shows."""
    extradata = bytes(codec.extradata or b"")
    match codec.name:
        case "h264":
            pairs = FieldPairs(extradata)
            return lambda packet: Shown(pairs.read(packet))
        case "hevc":
            size = length_bytes(extradata, at=21)
            return lambda packet: Shown(
                any(first_picture(data, size, _is_hevc_picture) >= 0 for data in parts(packet))
            )
        case "vp8":
            return lambda packet: Shown(_shows_vp8(memoryview(packet)))
        case "vp9":
            return lambda packet: Shown(_shows_vp9(memoryview(packet)))
    return lambda _: Shown.FRAME


def _is_hevc_picture(header: int) -> bool:
    """NAL units of type 0 to 31 are slices (ITU-T H.265, table 7-1)."""
    return header >> 1 & 0x3F < 32


def _shows_vp8(data: memoryview) -> bool:
    """``show_frame`` of the frame tag (RFC 6386, 9.1)."""
    return bool(data[0] & 0x10)


def _shows_vp9(data: memoryview) -> bool:
    """Whether any frame of the packet is shown (VP9 bitstream specification, 6.2 and annex B)."""
    marker = data[-1]
    sizes = 2 + ((marker >> 3 & 3) + 1) * ((marker & 7) + 1)
    if marker & 0xE0 != 0xC0 or len(data) < sizes or data[-sizes] != marker:
        return _shows_vp9_frame(data[0])
    width = (marker >> 3 & 3) + 1
    at, entry = 0, len(data) - sizes + 1
    while entry < len(data) - 1 and at < len(data):
        if _shows_vp9_frame(data[at]):
            return True
        at += int.from_bytes(data[entry : entry + width], "little")
        entry += width
    return False


def _shows_vp9_frame(header: int) -> bool:
    """Read the first byte: marker 2, profile 2, (reserved,) show_existing, type, show_frame."""
    shift = 0 if header >> 4 & 3 == 3 else 1  # profile 3 has a reserved bit
    show_existing, show_frame = header >> (shift + 2) & 1, header >> shift & 1
    return bool(show_existing or show_frame)
