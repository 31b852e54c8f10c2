"""Pictures: videos of one frame, refused by their header alone where they are too large."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import av
import cv2
import numpy as np
import pytest

from podium.decode.frames import Limits
from podium.decode.pictures import decode_picture
from podium.errors import InvalidInput, TooLarge, Unprocessable
from podium.media.picture_header import is_picture
from podium.types import FrameRange

LIMITS = Limits(max_pixels=10_000_000, max_frames=100, max_batch_bytes=1 << 30)
LOSSLESS_WEBP = [cv2.IMWRITE_WEBP_QUALITY, 101]


def decode(data: bytes, **changed: int):
    return decode_picture(data, FrameRange(**changed), LIMITS)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """RGB, 60 wide and 40 high, all four corners different."""
    y, x = np.mgrid[:40, :60]
    return np.stack([x * 4, y * 6, np.full_like(x, 30)], -1).astype(np.uint8)


def encoded(picture: np.ndarray, suffix: str, *options: int) -> bytes:
    return cv2.imencode(suffix, picture[..., ::-1], options)[1].tobytes()


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """A JPEG with an EXIF segment (TIFF tag 0x0112)."""
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)
    segment = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


@pytest.mark.parametrize(
    ("suffix", "options", "tolerance"),
    [(".png", (), 0), (".webp", LOSSLESS_WEBP, 0), (".webp", (), 12), (".jpg", (), 12)],
)
def test_pictures_are_frames_in_rgb(picture, suffix, options, tolerance):
    data = encoded(picture, suffix, *options)
    assert is_picture(data[:12])
    decoded = decode(data)
    assert decoded.size == (60, 40)
    assert decoded.frame_index.tolist() == [0]
    assert decoded.time_s.tolist() == [0.0]
    assert decoded.frame_ok.tolist() == [True]
    assert (decoded.source.frame_count, decoded.source.fps, decoded.source.duration_s) == (1, 0, 0)
    difference = np.abs(decoded.pixels[0].astype(int) - picture)
    assert difference.max() <= max(tolerance * 2, 0)
    assert difference.mean() <= tolerance / 2


def webp_with_orientation(webp: bytes, orientation: int, order: str) -> bytes:
    """An extended WebP (RFC 9649, 2.7) with EXIF data in the byte order "<" or ">"."""
    mark = {"<": b"II*\0", ">": b"MM\0*"}[order]
    tiff = mark + struct.pack(f"{order}IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)
    flags = struct.pack("<I", 8) + (59).to_bytes(3, "little") + (39).to_bytes(3, "little")
    chunks = b"VP8X" + struct.pack("<I", 10) + flags + webp[12:]
    chunks += b"EXIF" + struct.pack("<I", len(tiff)) + tiff
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def animated_webp(pictures: list[np.ndarray]) -> bytes:
    """An animation (RFC 9649, 2.7.1) of pictures of 60x40."""
    width, height = (59).to_bytes(3, "little"), (39).to_bytes(3, "little")
    chunks = b"VP8X" + struct.pack("<II", 10, 2) + width + height
    chunks += b"ANIM" + struct.pack("<IIH", 6, 0, 0)
    for picture in pictures:
        frame = bytes(6) + width + height + (100).to_bytes(3, "little") + b"\0"
        frame += encoded(picture, ".webp", *LOSSLESS_WEBP)[12:]
        chunks += b"ANMF" + struct.pack("<I", len(frame)) + frame
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


@pytest.mark.parametrize("kind", ["jpeg", "webp <", "webp >"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(picture, orientation, kind):
    upright = {
        1: picture,
        2: picture[:, ::-1],
        3: picture[::-1, ::-1],
        4: picture[::-1],
        5: picture.transpose(1, 0, 2),
        6: np.rot90(picture, -1),
        7: np.rot90(picture, 2).transpose(1, 0, 2),
        8: np.rot90(picture, 1),
    }[orientation]
    if kind == "jpeg":
        data = with_orientation(encoded(picture, ".jpg"), orientation)
    else:
        data = webp_with_orientation(
            encoded(picture, ".webp", *LOSSLESS_WEBP), orientation, kind[-1]
        )
    decoded = decode(data)
    assert decoded.size == (upright.shape[1], upright.shape[0])
    assert np.abs(decoded.pixels[0].astype(int) - upright).mean() < 5


def test_the_first_picture_of_an_animation_is_taken_and_said_to_be(picture):
    png = encoded(picture, ".png")
    end = 8 + 25  # of the header chunk
    control = b"acTL" + struct.pack(">II", 2, 0)
    control = struct.pack(">I", 8) + control + struct.pack(">I", zlib.crc32(control))
    still, animated = decode(png), decode(png[:end] + control + png[end:])
    assert still.source.notes == ()
    assert "animated: its first frame" in animated.source.notes[0]
    np.testing.assert_array_equal(still.pixels[0], animated.pixels[0])
    decoded = decode(animated_webp([picture, 255 - picture]))
    assert "animated: its first frame" in decoded.source.notes[0]
    np.testing.assert_array_equal(decoded.pixels[0], picture)


def gif(pictures: list[np.ndarray]) -> bytes:
    """By FFmpeg's own encoder, in the colours that 8 bits hold."""
    file = io.BytesIO()
    with av.open(file, "w", format="gif") as container:
        stream = container.add_stream("gif", rate=10)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "rgb8"
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame.reformat(format="rgb8")))
        container.mux(stream.encode(None))
    return file.getvalue()


def test_gif_is_a_picture_and_says_when_it_is_animated(picture):
    still, animated = gif([picture]), gif([picture, 255 - picture])
    assert is_picture(still[:12])
    for data in (still, animated):
        decoded = decode(data)
        assert decoded.size == (60, 40)
        assert np.abs(decoded.pixels[0].astype(int) - picture).mean() < 25  # 8 bits for 3 colours
    assert decode(still).source.notes == ()
    assert "animated: its first frame" in decode(animated).source.notes[0]
    for damaged in (b"GIF89a" + bytes(100), still[:20]):
        with pytest.raises(Unprocessable):
            decode(damaged)
    with pytest.raises(TooLarge):
        decode(b"GIF89a" + struct.pack("<HH", 60_000, 60_000) + still[10:])


def test_grey_and_16_bit_and_alpha_become_rgb(picture):
    for other in (
        picture[..., 0],
        picture.astype(np.uint16) * 256,
        np.dstack([picture, picture[..., 0]]),
    ):
        data = cv2.imencode(".png", other)[1].tobytes()
        assert decode(data).pixels[0].shape == (40, 60, 3)
        assert decode(data).pixels[0].dtype == np.uint8


def png_header(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + header
        + struct.pack(">I", zlib.crc32(header))
    )


def jpeg_header(width: int, height: int) -> bytes:
    frame = struct.pack(">BHH", 8, height, width) + b"\3" + bytes(9)
    return b"\xff\xd8\xff\xe0\0\4\0\0\xff\xff\xc2" + struct.pack(">H", len(frame) + 2) + frame


def webp_header(width: int, height: int) -> bytes:
    canvas = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    chunk = b"VP8X" + struct.pack("<I", 10) + bytes(4) + canvas
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


@pytest.mark.parametrize("header", [png_header, jpeg_header, webp_header])
def test_large_pictures_are_refused_by_their_header(header):
    tracemalloc.start()
    with pytest.raises(TooLarge, match="media: is 20000x15000"):
        decode(header(20000, 15000))
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


SMALL_FRAME = b"\xc0" + struct.pack(">HBHH", 17, 8, 1, 1)


@pytest.mark.parametrize(
    "false",
    [
        SMALL_FRAME,  # without the 0xFF of a marker
        b"\xff\0\0\6\xff\xfe\0\x0a\xff" + SMALL_FRAME,  # a comment to decoders
    ],
)
def test_a_false_header_does_not_hide_the_size(picture, false):
    jpeg = encoded(picture, ".jpg")
    end = 4 + struct.unpack_from(">H", jpeg, 4)[0]  # of the first segment
    with pytest.raises(Unprocessable, match="media: is a picture without a readable header"):
        decode(jpeg[:end] + false + jpeg[end:])


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_cut_off_pictures_are_refused(picture, suffix, capfd):
    data = encoded(picture, suffix)
    for length in range(12, len(data) - 3, 7):
        with pytest.raises(Unprocessable, match="media: is a picture"):
            decode(data[:length])
    capfd.readouterr()  # OpenCV complains on stderr


def test_the_one_frame_is_number_0(picture):
    data = encoded(picture, ".png")
    assert decode(data, start=0, count=10, step=3).frame_index.tolist() == [0]
    with pytest.raises(InvalidInput, match="start: is 1, but the media has 1 frame"):
        decode(data, start=1)
