"""Files that claim more than they hold are refused by their header, in no time and memory."""

from __future__ import annotations

import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from podium.decode.frames import Limits
from podium.decode.pictures import decode_picture
from podium.decode.video import decode_video
from podium.errors import InvalidInput, TooLarge, Unprocessable
from podium.media.containers import HEAD_BYTES, Source
from podium.media.video import VideoReader
from podium.postprocess.source import open_source
from podium.types import FrameRange
from tests.support.videos import write_video

LIMITS = Limits(max_pixels=40_000_000, max_frames=100, max_batch_bytes=1 << 30)
HUGE = 60_000_000


def decode(data: bytes):
    reader = VideoReader(max_pixels=LIMITS.max_pixels)
    return decode_video(reader, Source(data, data[:HEAD_BYTES]), FrameRange(0, 4), LIMITS)


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    return write_video(path, 10, codec="mjpeg", pix_fmt="yuvj420p").read_bytes()


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def with_number(data: bytes, name: bytes, offset: int, *numbers: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into(f">{len(numbers)}I", changed, data.index(name) + offset, *numbers)
    return bytes(changed)


def constant_size(plain: bytes) -> bytes:
    data = with_number(plain, b"stsz", 8, 1, HUGE)
    data = with_number(data, b"stsc", 16, HUGE)
    return with_number(data, b"stts", 12, HUGE)


def fragment(plain: bytes) -> bytes:
    """A fragment whose samples all have the default size."""
    run = box(b"trun", struct.pack(">II", 0, HUGE))
    header = box(b"tfhd", struct.pack(">II", 0, 1))
    return plain + box(b"moof", box(b"traf", header + run))


def many_edits(plain: bytes) -> bytes:
    edits = box(b"elst", struct.pack(">II", 0, 5_000_000) + bytes(12 * 5_000_000))
    at = plain.index(b"moov") - 4
    return plain[:at] + box(b"moov", box(b"trak", box(b"edts", edits)) + plain[at + 8 :])


def compressed(plain: bytes) -> bytes:
    at = plain.index(b"moov") - 4
    squeezed = struct.pack(">I", 1 << 30) + zlib.compress(bytes(1 << 20))
    return plain[:at] + box(b"moov", box(b"cmov", box(b"dcom", b"zlib") + box(b"cmvd", squeezed)))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (constant_size, "declares 60000000 samples, but has"),
        (fragment, "declares 60000010 samples, but has"),
        (many_edits, "has 5000001 edits of 10 samples"),
        (compressed, "has a compressed index"),
    ],
)
def test_an_index_that_the_file_cannot_hold_is_not_made(plain, make, words, tmp_path):
    data = make(plain)
    started_s = time.process_time()
    with pytest.raises(InvalidInput, match=f"media: {words}"):
        decode(data)
    assert time.process_time() - started_s < 1  # FFmpeg needs ten seconds and gigabytes
    path = tmp_path / "clip.mp4"
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match=f"source: {words}"):
        open_source(path, max_pixels=LIMITS.max_pixels)


@pytest.mark.parametrize(
    ("filling", "words"),
    [(b"\0\0\0\x08abcd", "more than 200000 boxes"), (b"stsz", "more than 200000 tables")],
)
def test_endless_headers_are_refused(plain, filling, words):
    many = filling * 2_000_000
    data = plain + (many if filling[:1] == b"\0" else box(b"udta", many))
    started_s = time.process_time()
    with pytest.raises(TooLarge, match=f"media: has {words}"):
        decode(data)
    assert time.process_time() - started_s < 1.5


def test_more_samples_than_are_ever_needed_are_refused_in_a_large_file(plain, tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(constant_size(plain))
    with path.open("r+b") as file:
        file.truncate(2 * HUGE)  # sparse
    with pytest.raises(TooLarge, match="declares 60000000 samples; at most"):
        open_source(path, max_pixels=LIMITS.max_pixels)


def test_uncompressed_sound_has_millions_of_samples_and_is_read(tmp_path):
    path = tmp_path / "clip.mov"
    with av.open(str(path), "w") as container:
        voice = container.add_stream("pcm_s16le", rate=48_000, layout="mono")
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        quiet = av.AudioFrame.from_ndarray(np.zeros((1, 4_800_000), np.int16), layout="mono")
        quiet.sample_rate = 48_000
        container.mux(voice.encode(quiet))
        for _ in range(4):
            picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    assert decode(path.read_bytes()).frame_ok.tolist() == [True] * 4


def test_a_stream_without_a_whole_frame_is_refused(tmp_path):
    data = write_video(tmp_path / "clip.ts", 10, g="5").read_bytes()
    for length in (188 * 3, 188 * 4, 188 * 5, 188 * 9):
        try:
            decoded = decode(data[:length])
        except InvalidInput as error:
            assert error.status in (415, 422)  # noqa: PT017 - success is right too
        else:
            assert decoded.frame_ok.any()


@pytest.mark.parametrize("size", [(0, 0), (20_000, 20_000), (40_000, 64)])
def test_a_matroska_of_an_impossible_size_is_refused(tmp_path, size):
    data = write_video(tmp_path / "clip.mkv", 4, codec="ffv1").read_bytes()
    for name, known, number in ((b"\xb0\x81", 160, size[0]), (b"\xba\x81", 96, size[1])):
        field = name + bytes([known])
        assert data.count(field) == 1
        data = data.replace(field, name[:1] + b"\x84" + struct.pack(">I", number))
    with pytest.raises((Unprocessable, TooLarge), match="media: "):
        decode(data)


@pytest.mark.parametrize("shape", [(8, 32_767), (32_767, 8)])
def test_sides_that_cannot_be_warped_are_refused(shape):
    _, png = cv2.imencode(".png", np.zeros((*shape, 3), np.uint8))
    with pytest.raises(TooLarge, match="a side has at most 32766 pixels"):
        decode_picture(png.tobytes(), FrameRange(), LIMITS)


def with_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is there ``count`` times."""
    picture = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    jpeg = encoded.tobytes()
    last = jpeg.rindex(b"\xff\xda")
    scan = jpeg[last:-2]
    return jpeg[:-2] + scan * (count - jpeg.count(b"\xff\xda")) + jpeg[-2:]


def test_a_jpeg_of_absurdly_many_scans_is_refused():
    assert decode_picture(with_scans(20), FrameRange(), LIMITS).frame_ok.all()
    with pytest.raises(TooLarge, match="media: is a JPEG of more than 100 scans"):
        decode_picture(with_scans(60_000), FrameRange(), LIMITS)


def test_scans_of_other_files_are_not_counted():
    """Behind its end a telephone's picture may hold a video, and before it a preview."""
    jpeg = with_scans(10)
    assert decode_picture(jpeg + b"\xff\xda\0\2" * 200, FrameRange(), LIMITS).frame_ok.all()
    preview = b"\xff\xe1" + struct.pack(">H", 2 + 400) + b"\xff\xda" * 200
    assert decode_picture(jpeg[:2] + preview + jpeg[2:], FrameRange(), LIMITS).frame_ok.all()


@pytest.mark.parametrize(
    "endless",
    [
        b"\xff\xd8" + b"\xff" * (16 << 20),
        b"\xff\xd8" + b"\xff\xfe\0\2" * (4 << 20),
        b"RIFF\0\0\0\0WEBP" + b"VP8X" + struct.pack("<I", 10) + bytes(10) + bytes(16 << 20),
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I4sII", 13, b"IHDR", 8, 8)
        + bytes(9)
        + b"\0\0\0\0zzzz\0\0\0\0" * (1 << 20),
    ],
    ids=["fill bytes", "comments", "chunks of a webp", "chunks of a png"],
)
def test_headers_without_end_cost_nothing(endless):
    started_s = time.process_time()
    with pytest.raises(InvalidInput, match="media: is a picture"):
        decode_picture(endless, FrameRange(), LIMITS)
    assert time.process_time() - started_s < 1.5


def test_a_refused_file_takes_no_memory(plain, tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(constant_size(plain))
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from podium.postprocess.source import open_source\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: open_source(Path(sys.argv[1]), max_pixels=1 << 20)\n"
        "except Exception as error: print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert "declares 60000000 samples" in printed[0]
    assert int(printed[1]) < 20_000  # KiB


def test_files_are_read_from_disk_by_their_headers_alone(tmp_path):
    path: Path = write_video(tmp_path / "clip.mp4", 10)
    with path.open("ab") as file:
        file.write(struct.pack(">I4sQ", 1, b"mdat", 1 << 34))
        file.truncate(path.stat().st_size + (1 << 33))  # sparse
    started_s = time.process_time()
    open_source(path, max_pixels=1 << 20)
    assert time.process_time() - started_s < 2
