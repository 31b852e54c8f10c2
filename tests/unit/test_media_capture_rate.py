"""Slow motion that is stored slowed down has the times of filming."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from podium.client.slow_motion import capture_fps_of
from podium.decode.frames import Limits
from podium.decode.video import decode_video
from podium.errors import InvalidInput
from podium.media.containers import HEAD_BYTES, Source
from podium.media.frame_times import usual_rate
from podium.media.video import VideoReader
from podium.types import FrameRange
from tests.support.videos import write_video

COUNT = 24
TAGS = {"movflags": "use_metadata_tags"}
ANDROID = "com.android.capture.fps"


def decode(path: Path, capture_fps: float | None = None):
    limits = Limits(max_pixels=1 << 20, max_frames=1000, max_batch_bytes=1 << 30)
    source = Source(path, path.read_bytes()[:HEAD_BYTES])
    reader = VideoReader(max_pixels=1 << 20)
    return decode_video(reader, source, FrameRange(), limits, capture_fps=capture_fps)


def tagged(path: Path, rate: int, capture: str, key: str = ANDROID, **options: object) -> Path:
    return write_video(
        path, COUNT, rate=rate, metadata={key: capture}, container_options=TAGS, **options
    )


def with_xml(path: Path, rate: int, capture: str) -> Path:
    """As Sony's cameras write it: a box with XML behind the video."""
    write_video(path, COUNT, rate=rate)
    xml = (
        '<NonRealTimeMeta><VideoFormat><VideoFrame videoCodec="AVC_1920_1080_HP@L42" '
        f'captureFps="{capture}" formatFps="{rate}p"/></VideoFormat></NonRealTimeMeta>'
    ).encode()
    content = bytes(4) + struct.pack(">I4sI", 12 + len(xml), b"xml ", 0) + xml
    with path.open("ab") as file:
        file.write(struct.pack(">I4s", 8 + len(content), b"meta") + content)
    return path


@pytest.mark.parametrize(
    ("rate", "capture", "slowed"),
    [
        (30, "120.000000", 4),
        (30, "240", 8),
        (30, "239.76", 8),  # rates are rounded; the factor is whole
        (25, "100", 4),
        (30, "960", 32),
        (30, "30.000000", 1),
        (30, "29.970030", 1),
        (25, "30", 1),  # fewer frames in the dark
        (30, "1", 1 / 30),  # a time lapse
        (30, "nan", 1),
        (30, "-120", 1),
        (30, "fast", 1),
    ],
)
def test_the_rate_that_the_file_names_is_used(tmp_path, rate, capture, slowed):
    decoded = decode(tagged(tmp_path / "clip.mp4", rate, capture))
    np.testing.assert_allclose(decoded.time_s, np.arange(COUNT) / rate / slowed, rtol=1e-6)
    assert decoded.source.slow_motion == pytest.approx(slowed)
    assert decoded.source.fps == pytest.approx(rate * slowed)
    assert decoded.source.duration_s == pytest.approx(COUNT / rate / slowed)
    assert len(decoded.source.notes) == (slowed != 1)


def test_what_the_caller_says_goes_before_the_file(tmp_path):
    path = tagged(tmp_path / "clip.mov", 30, "120")
    for capture_fps, slowed in ((30, 1), (60, 2), (15, 0.5)):
        decoded = decode(path, capture_fps)
        np.testing.assert_allclose(decoded.time_s, np.arange(COUNT) / capture_fps, rtol=1e-6)
        assert decoded.source.slow_motion == pytest.approx(slowed)


@pytest.mark.parametrize("suffix", ["mov", "mkv"])
def test_the_key_is_found_in_other_containers(tmp_path, suffix):
    decoded = decode(tagged(tmp_path / f"clip.{suffix}", 30, "120"))
    assert decoded.source.slow_motion == 4


@pytest.mark.parametrize(("capture", "slowed"), [("119.88p", 4), ("29.97p", 1), ("x", 1)])
def test_sonys_xml_is_read(tmp_path, capture, slowed):
    decoded = decode(with_xml(tmp_path / "clip.mp4", 30, capture))
    assert decoded.source.slow_motion == slowed


def test_the_rate_follows_from_how_much_slower_it_plays(tmp_path):
    path = write_video(tmp_path / "clip.mkv", COUNT, rate=30)  # its times are rounded
    capture_fps = capture_fps_of(path, 8)
    assert capture_fps == pytest.approx(240, rel=2e-3)
    assert decode(path, capture_fps).source.slow_motion == pytest.approx(8)


def test_a_picture_is_no_slow_motion(tmp_path):
    path = tmp_path / "still.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(InvalidInput, match="--slowmo: is for videos"):
        capture_fps_of(path, 4)


@pytest.mark.parametrize(
    ("times", "rate"), [([0], 0), ([0, 0.5, 1.0], 2), ([0, 1, 10], 0.2), ([0, 0.1, 0.2, 5], 10)]
)
def test_the_usual_rate_of_any_times_is_a_number(times, rate):
    """Of 0, 1, 10 no step is near the median: found by damaging files."""
    assert usual_rate(np.array(times, float)) == pytest.approx(rate)
