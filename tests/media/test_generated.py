"""Codecs, containers and structures: the reader shows what FFmpeg shows, from anywhere."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from podium.client.excerpt import LocalVideo
from podium.errors import Unprocessable
from podium.media.containers import HEAD_BYTES, Source
from podium.media.video import VideoReader
from podium.media.video_index import VideoIndex
from podium.vision.video_frames import rgb_of
from tests.media.members import Member, decoded_plainly, members

MAX_PIXELS = 1 << 22
KEPT_BYTES = 1 << 26

MEMBERS = {member.name: member for member in members()}
QUICK = [
    "h264-open.mp4",
    "hevc-open.mkv",
    "vp8-hidden.webm",
    "av1-long.mp4",
    "mpeg4-b.avi",
    "mpeg2-b.ts",
    "mjpeg.avi",
    "uneven.mkv",
    "equal-at-20.mp4",
    "aspect-4-3.mp4",
    "turned-and-oblong.mov",
    "other-sizes.mkv",
    "two-edits.mp4",
    "messages-only.mp4",
    "packed.avi",
    "no-presentation-times.mp4",
    "not-coded.avi",
    "within-a-packet-77.ts",
    "preview-first.mkv",
    "cut-at-0.75.mp4",
]
"""Of each kind one or two; the rest runs in `make test-media`."""


def test_there_are_enough_of_them():
    assert len(MEMBERS) >= 120


def opened(path: Path) -> tuple[Source, VideoIndex, VideoReader]:
    source = Source(path, path.read_bytes()[:HEAD_BYTES])
    reader = VideoReader(max_pixels=MAX_PIXELS, kept_bytes=KEPT_BYTES)
    return source, reader.index(source), reader


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in MEMBERS],
)
def test_the_reader_shows_what_ffmpeg_shows(tmp_path, name):
    member = MEMBERS[name]
    path = tmp_path / name
    member.make(path)
    plain = decoded_plainly(path)
    source, index, reader = opened(path)
    frames = list(reader.frames(source, index, np.arange(index.frame_count)))

    shown = [frame.ordinal for frame in frames]
    if member.is_whole:
        assert shown == [n for n in range(len(plain)) if n not in member.damaged]
        assert index.frame_count == len(plain)
        assert index.complete
    else:
        assert 4 < len(shown) <= len(plain)
    assert (np.diff(index.time_s) > 0).all()
    if member.same_times:
        times = np.array([float(frame.pts * frame.time_base) for frame in plain])
        np.testing.assert_allclose(index.time_s, times - times[0], atol=1e-6)
    for frame in frames:
        assert frame.pixels.shape[1::-1] == member.size
    assert len(index.notes) == len(member.notes)
    for note, words in zip(index.notes, member.notes, strict=True):
        assert words in note

    pixels = {frame.ordinal: rgb_of(frame.pixels) for frame in frames}
    if member.is_whole:
        check_pictures(member, plain, pixels)
    with reader:
        check_ranges(reader, source, index, pixels)
    check_excerpts(member, path, index, pixels)


def check_pictures(member: Member, plain: list[av.VideoFrame], pixels: dict[int, np.ndarray]):
    """Each is the one that FFmpeg decodes there, by its number or by its pixels."""
    for ordinal, frame in enumerate(plain):
        if ordinal in member.damaged:
            continue
        same = frame.to_ndarray(format="rgb24")
        if frame.rotation == 0 and same.shape == pixels[ordinal].shape:
            np.testing.assert_array_equal(pixels[ordinal], same)
        elif frame.rotation == 0 and member.numbers_shown:
            width, height = member.size
            square = frame.to_ndarray(format="rgb24", width=width, height=height)
            assert np.abs(square.astype(int) - pixels[ordinal]).mean() < 6


def check_ranges(reader, source, index, pixels):
    """Ranges that go on, go back, begin anywhere and leave frames out give the same pixels."""
    count = index.frame_count
    ranges = [
        np.arange(0, 7),
        np.arange(7, 14),
        np.arange(3, 5),
        np.arange(count // 2, min(count, count // 2 + 6)),
        np.arange(1, count, 4),
        np.arange(max(0, count - 2), count),
    ]
    for ordinals in ranges:
        wanted = [int(n) for n in ordinals if int(n) in pixels]
        found = {frame.ordinal: frame for frame in reader.frames(source, index, ordinals)}
        assert list(found) == wanted
        for ordinal in wanted:
            np.testing.assert_array_equal(rgb_of(found[ordinal].pixels), pixels[ordinal])


def check_excerpts(member: Member, path: Path, index: VideoIndex, pixels: dict[int, np.ndarray]):
    """What is cut out holds the same frames, in the same size."""
    with LocalVideo(path) as video:
        for start, count in ((0, 6), (13, 5), (index.frame_count - 3, 3)):
            try:
                part = video.cut(start, count)
            except Unprocessable:  # then all of it is sent
                assert not member.is_cuttable
                continue
            excerpt = Source(part.data, part.data[:HEAD_BYTES])
            reader = VideoReader(max_pixels=MAX_PIXELS)
            inner = reader.index(excerpt)
            ordinals = part.start + np.arange(part.count)
            found = {
                frame.ordinal - part.start + start: rgb_of(frame.pixels)
                for frame in reader.frames(excerpt, inner, ordinals)
            }
            wanted = [n for n in range(start, start + count) if n in pixels]
            if member.is_whole:
                assert [n for n in found if n not in member.damaged] == wanted
            for ordinal in set(found) & set(wanted):
                np.testing.assert_array_equal(found[ordinal], pixels[ordinal])
