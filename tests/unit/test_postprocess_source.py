"""Sources of overlays are opened as the decode service opens them."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from podium.errors import TooLarge, UnsupportedMedia
from podium.postprocess.source import open_source
from podium.vision.sampling import rgb_of
from tests.support.videos import WIDTH, numbered_picture, write_video


def test_mirrored_recordings_are_mirrored_and_not_turned(tmp_path):
    path = write_video(tmp_path / "clip.mp4", 3, qp="0")
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 44  # version 0: left becomes right
    mirror = (-1 << 16, 0, 0, 0, 1 << 16, 0, WIDTH << 16, 0, 1 << 30)
    data[matrix : matrix + 36] = struct.pack(">9i", *mirror)
    path.write_bytes(data)
    frames = list(open_source(path, max_pixels=1 << 20).frames(np.arange(3)))
    assert len(frames) == 3
    for number, frame in enumerate(frames):
        expected = numbered_picture(number)[:, ::-1]
        assert np.abs(rgb_of(frame.picture).astype(int) - expected).mean() < 3


def test_a_large_picture_is_refused_by_its_header(tmp_path):
    path = tmp_path / "large.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + struct.pack(">II", 20_000, 15_000))
    with pytest.raises(TooLarge, match="source: is 20000x15000"):
        open_source(path, max_pixels=40_000_000)


def test_the_format_is_not_guessed(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"#EXTM3U\n#EXTINF:1,\nother.ts\n")
    with pytest.raises(UnsupportedMedia, match="source: is a playlist"):
        open_source(path, max_pixels=1 << 20)
