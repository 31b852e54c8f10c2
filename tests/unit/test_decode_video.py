"""Ranges of video: the right frames at the right times, in every container and coding order."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import av
import numpy as np
import pytest

from podium.decode.frames import Limits
from podium.decode.video import decode_video
from podium.errors import InvalidInput, TooLarge, Unprocessable, UnsupportedMedia
from podium.media import codecs, packets, video_decoder
from podium.media.containers import HEAD_BYTES, Source
from podium.media.video import VideoReader
from podium.types import FrameRange
from podium.vision.video_frames import rgb_of
from tests.support.open_files import open_files
from tests.support.videos import HEIGHT, WIDTH, number_of, numbered_picture, write_video

LIMITS = Limits(max_pixels=10_000_000, max_frames=1000, max_batch_bytes=1 << 30)
KEPT_BYTES = 64 << 20
X264 = {"g": "12", "bf": "3", "b_strategy": "0", "sc_threshold": "0"}
OPEN_GOP = {**X264, "x264-params": "open-gop=1"}
COUNT = 60

CLIPS = {
    "b-frames.mp4": X264,
    "b-frames.mkv": X264,
    "b-frames.ts": X264,
    "b-frames.avi": X264,
    "open-gop.mp4": OPEN_GOP,
    "open-gop.mov": OPEN_GOP,
    "open-gop.mkv": OPEN_GOP,
    "open-gop.ts": OPEN_GOP,
    "open-gop.avi": OPEN_GOP,
    "intra-refresh.mp4": {**X264, "x264-params": "intra-refresh=1"},
    "fragmented.mp4": {**X264, "container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "mpeg4.avi": {"codec": "mpeg4", "g": "12", "bf": "2"},
    "mjpeg.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "mpeg2.ts": {"codec": "mpeg2video", "g": "12", "bf": "2"},
    "vp9.webm": {"codec": "libvpx-vp9", "g": "12", "deadline": "realtime", "cpu-used": "8"},
}


def source(media: Path | bytes) -> Source:
    data = media if isinstance(media, bytes) else media.read_bytes()
    return Source(media, data[:HEAD_BYTES])


def decode(
    media: Path | bytes,
    start=0,
    count=None,
    step=1,
    *,
    limits=LIMITS,
    max_duration_s=3600.0,
    threads=1,
    reader=None,
):
    """Decode a range with a reader of its own, unless one is given."""
    reader = reader or VideoReader(
        max_pixels=limits.max_pixels, max_duration_s=max_duration_s, threads=threads
    )
    return decode_video(reader, source(media), FrameRange(start, count, step), limits)


def reader_of(request: pytest.FixtureRequest, kept_bytes: int) -> VideoReader:
    """Closed after the test."""
    reader = VideoReader(max_pixels=LIMITS.max_pixels, kept_bytes=kept_bytes)
    request.addfinalizer(reader.close)
    return reader


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("clips")


def clip_of(folder: Path, name: str) -> Path:
    path = folder / name
    return path if path.exists() else write_video(path, COUNT, **CLIPS[name])


def fully_decoded(path: Path) -> list[np.ndarray]:
    """The oracle: FFmpeg from the first frame to the last, no seeking, no index."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.mark.parametrize("kept_bytes", [0, KEPT_BYTES])
@pytest.mark.parametrize("name", CLIPS)
def test_any_range_gives_the_frames_of_a_full_decode(request, clips, name, kept_bytes):
    path = clip_of(clips, name)
    expected = fully_decoded(path)
    assert [number_of(frame) for frame in expected] == list(range(COUNT))
    reader = reader_of(request, kept_bytes)
    for start, count, step in [
        (0, None, 1),
        (35, 3, 1),
        (11, 4, 1),
        (24, 1, 1),
        (1, 9, 6),
        (59, 9, 1),
        (20, 9, 1),
        (29, 8, 1),
        (40, 4, 1),
    ]:
        decoded = decode(path, start, count, step, reader=reader)
        ordinals = list(range(start, COUNT, step))[:count]
        assert decoded.frame_index.tolist() == ordinals
        assert decoded.frame_ok.all()
        np.testing.assert_allclose(decoded.time_s, np.array(ordinals) / 25, atol=1e-3)
        for ordinal in ordinals:
            np.testing.assert_array_equal(rgb_of(decoded.pixels[ordinal]), expected[ordinal])
    assert decoded.source.frame_count == COUNT
    assert decoded.source.fps == pytest.approx(25, rel=1e-3)
    assert decoded.source.duration_s == pytest.approx(COUNT / 25, rel=1e-3)
    assert decoded.source.complete
    assert decoded.size == (WIDTH, HEIGHT)


@pytest.mark.parametrize("threads", [1, 2])
def test_bytes_and_codec_threads_give_the_same(clips, threads):
    path = clip_of(clips, "open-gop.mp4")
    from_file, from_bytes = decode(path, 20, 9), decode(path.read_bytes(), 20, 9, threads=threads)
    assert from_file.pixels.keys() == from_bytes.pixels.keys() == set(range(20, 29))
    for ordinal, image in from_file.pixels.items():
        np.testing.assert_array_equal(rgb_of(image), rgb_of(from_bytes.pixels[ordinal]))


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_variable_frame_rate_keeps_its_times(tmp_path, suffix):
    ticks = np.cumsum([0, *[1, 1, 4, 1, 2, 7] * 8])
    path = write_video(tmp_path / f"clip.{suffix}", len(ticks), ticks=ticks, **X264)
    decoded = decode(path, 17, 20)
    np.testing.assert_allclose(decoded.time_s, ticks[17:37] / 25, atol=1e-3)
    assert [number_of(image) for image in decoded.pixels.values()] == list(range(17, 37))


def test_frames_before_the_edit_are_not_counted(tmp_path):
    """A cut without re-encoding starts at a key frame and hides what lies before the cut."""
    whole, cut = write_video(tmp_path / "whole.mp4", 40, **X264), tmp_path / "cut.mp4"
    with av.open(str(whole)) as reading, av.open(str(cut), "w") as writing:
        stream = reading.streams.video[0]
        copy = writing.add_stream_from_template(stream)
        shift = round(5 / 25 / stream.time_base)
        for packet in reading.demux(stream):
            if packet.size:
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, copy
                writing.mux(packet)
    decoded = decode(cut, 2, 12)
    assert decoded.source.frame_count == 35
    assert [number_of(image) for image in decoded.pixels.values()] == list(range(7, 19))
    np.testing.assert_allclose(decoded.time_s, np.arange(2, 14) / 25, atol=1e-3)


def test_joined_recordings_are_one_after_the_other(clips, tmp_path):
    joined = tmp_path / "joined.ts"
    joined.write_bytes(clip_of(clips, "b-frames.ts").read_bytes() * 2)
    decoded = decode(joined, COUNT + 4, 5)
    assert decoded.source.frame_count == 2 * COUNT
    assert [number_of(image) for image in decoded.pixels.values()] == list(range(4, 9))
    assert decoded.time_s[0] == pytest.approx((COUNT + 4) / 25, abs=1e-3)


@pytest.mark.parametrize(("rotation", "turns"), [(90, 1), (180, 2), (270, 3)])
def test_rotated_recordings_are_turned_upright(tmp_path, rotation, turns):
    path = write_video(tmp_path / "clip.mp4", 3, rotation=rotation, qp="0")
    decoded = decode(path)
    expected = np.rot90(numbered_picture(1), turns)
    assert decoded.size == (expected.shape[1], expected.shape[0])
    assert decoded.pixels[1].shape == expected.shape
    assert np.abs(rgb_of(decoded.pixels[1]).astype(int) - expected).mean() < 3


def test_colours_follow_the_declared_matrix(tmp_path):
    """The same bytes mean other colours in BT.601 and BT.709."""
    expected = np.array([200, 40, 40])
    for name, matrix in (
        ("smpte170m", av.video.reformatter.Colorspace.ITU601),
        ("bt709", av.video.reformatter.Colorspace.ITU709),
    ):
        path = tmp_path / f"{name}.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream(
                "libx264", rate=25, options={"qp": "0", "colorspace": name}
            )
            stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
            red = np.broadcast_to(expected.astype(np.uint8), (64, 64, 3)).copy()
            frame = av.VideoFrame.from_ndarray(red, format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=matrix)
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        shown = rgb_of(decode(path).pixels[0])[32, 32].astype(int)
        np.testing.assert_allclose(shown, expected, atol=4)


def test_a_range_in_the_middle_decodes_only_its_group_of_pictures(clips, monkeypatch):
    path = clip_of(clips, "b-frames.mp4")
    reader = VideoReader(max_pixels=LIMITS.max_pixels)
    decode(path, reader=reader)  # the index is known from here on
    fed: list[int] = []
    real = packets.frames_of

    def counting(codec, packets):
        def counted():
            for number, packet in packets:
                fed.append(number)
                yield number, packet

        return real(codec, counted())

    monkeypatch.setattr(video_decoder, "frames_of", counting)
    decode(path, 50, 2, reader=reader)
    assert fed
    assert min(fed) == 48
    assert len(fed) <= 8


def test_an_index_is_made_anew_when_the_file_changes(request, tmp_path):
    path = write_video(tmp_path / "clip.mp4", 8)
    reader = reader_of(request, KEPT_BYTES)
    assert decode(path, reader=reader).source.frame_count == 8
    write_video(path, 5)
    os.utime(path, (1, 1))
    assert decode(path, reader=reader).source.frame_count == 5


def test_the_indexes_of_few_files_are_kept(tmp_path, monkeypatch):
    scanned = []
    scan = codecs.scan
    monkeypatch.setattr(codecs, "scan", lambda *opened: scanned.append(0) or scan(*opened))
    reader = VideoReader(max_pixels=LIMITS.max_pixels)
    paths = [write_video(tmp_path / f"{number}.mp4", 3) for number in range(5)]
    for path in [*paths, paths[-1], paths[0]]:
        decode(path, reader=reader)
    assert len(scanned) == 6


@pytest.mark.parametrize("name", ["b-frames.mp4", "b-frames.mkv", "b-frames.avi", "vp9.webm"])
def test_a_declared_length_is_checked_before_the_packets_are_read(clips, name, monkeypatch):
    monkeypatch.setattr(codecs, "scan", lambda *_: pytest.fail("the packets were read"))
    data = clip_of(clips, name).read_bytes()
    with pytest.raises(TooLarge, match="media: is 2 s long"):
        decode(data, max_duration_s=2)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi"])
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_truncated_files_give_the_frames_that_exist(tmp_path, suffix, share):
    front = {"container_options": {"movflags": "faststart"}} if suffix == "mp4" else {}
    path = write_video(tmp_path / f"clip.{suffix}", 60, **X264, **front)
    data = path.read_bytes()
    decoded = decode(data[: int(len(data) * share)])
    present = decoded.frame_index[decoded.frame_ok].tolist()
    shown = [number_of(decoded.pixels[ordinal]) for ordinal in present]
    assert 10 < len(present) < 60
    assert shown[:-4] == present[:-4]  # the last ones may lack the B-frames between them
    assert (np.diff(decoded.time_s) > 0).all()
    if suffix == "mp4":
        assert decoded.source.frame_count == len(decoded.frame_index) == 60
        assert decoded.source.duration_s == pytest.approx(60 / 25, abs=0.2)
    if suffix != "ts":  # a transport stream does not declare its length
        assert not decoded.source.complete


def test_a_file_that_ends_anywhere_in_a_packet_has_the_frames_that_it_declares(tmp_path):
    faststart = {"movflags": "faststart"}
    path = write_video(tmp_path / "clip.mp4", 60, container_options=faststart, **X264)
    data = path.read_bytes()
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    for packet in packets[24:32]:
        for rest in (0, 1, 4, 5, 6, 8, 12, packet.size - 1):
            decoded = decode(data[: packet.pos + rest], 0, 1)
            assert decoded.source.frame_count == 60, (packet.pos, rest)


def test_a_range_of_missing_frames_alone_is_answered(tmp_path):
    faststart = {"movflags": "faststart"}
    path = write_video(tmp_path / "clip.mp4", 60, container_options=faststart, **X264)
    data = path.read_bytes()
    decoded = decode(data[: len(data) // 2], 55, 5)
    assert decoded.frame_index.tolist() == [55, 56, 57, 58, 59]
    assert not decoded.frame_ok.any()
    assert decoded.size == (WIDTH, HEIGHT)


def test_limits_are_checked_before_decoding(clips, monkeypatch):
    def forbidden(*_):
        raise AssertionError("a frame was decoded")

    monkeypatch.setattr(video_decoder, "frames_of", forbidden)
    path = clip_of(clips, "b-frames.mp4")
    frame_bytes = WIDTH * HEIGHT * 3 // 2

    def limits(**changed):
        return Limits(**{**{f: getattr(LIMITS, f) for f in Limits.__slots__}, **changed})

    with pytest.raises(TooLarge, match="media: is 160x96"):
        decode(path, limits=limits(max_pixels=WIDTH * HEIGHT - 1))
    with pytest.raises(TooLarge, match="media: is 2 s long"):
        decode(path, max_duration_s=2)
    with pytest.raises(TooLarge, match="media: one frame of 23040 bytes"):
        decode(path, limits=limits(max_batch_bytes=frame_bytes - 1))
    with pytest.raises(InvalidInput, match=r"start: is 60, but the media has 60 frame"):
        decode(path, 60)


@pytest.mark.parametrize("count", [None, 8])
@pytest.mark.parametrize("limited", ["max_frames", "max_batch_bytes"])
def test_the_limits_end_the_range(clips, count, limited):
    most = {"max_frames": 7, "max_batch_bytes": 7 * WIDTH * HEIGHT * 3 // 2}[limited]
    limits = dataclasses.replace(LIMITS, **{limited: most})
    decoded = decode(clip_of(clips, "b-frames.mp4"), 10, count, limits=limits)
    assert decoded.frame_index.tolist() == list(range(10, 17))


def test_what_is_not_video_is_named(clips, tmp_path):
    for text in (
        b"#EXTM3U\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\n",
        b'<?xml version="1.0"?>',
    ):
        with pytest.raises(UnsupportedMedia, match="playlist"):
            decode(text)
    for other in (b"plain text, long enough to be read", bytes(2000)):
        with pytest.raises(UnsupportedMedia, match="not media that Podium reads"):
            decode(other)
    with pytest.raises(UnsupportedMedia, match="HEIF"):
        decode(b"\0\0\0\x18ftypheic" + bytes(100))
    whole = clip_of(clips, "b-frames.mp4").read_bytes()
    with pytest.raises(Unprocessable, match="cut off"):
        decode(whole[: len(whole) // 2])
    unknown = whole.replace(b"avc1", b"zzzz").replace(b"avcC", b"zzzC")
    with pytest.raises(UnsupportedMedia, match="codec"):
        decode(unknown)
    rare = write_video(tmp_path / "rare.avi", 3, codec="asv1")
    with pytest.raises(UnsupportedMedia, match="encoded with asv1"):
        decode(rare)


def test_a_hidden_playlist_opens_no_other_file(clips, tmp_path):
    """A container whose head is right but whose inside refers to files reads none of them."""
    secret = clip_of(clips, "b-frames.mp4")
    concat = tmp_path / "clip.mp4"
    concat.write_text(f"ffconcat version 1.0\nfile '{secret}'\n")
    with pytest.raises(UnsupportedMedia):
        decode(concat)


def test_damaged_files_neither_hang_nor_leak(clips):
    rng = np.random.default_rng(7)
    open_before = open_files()
    for name in ("b-frames.mp4", "open-gop.mkv", "b-frames.ts", "mpeg4.avi", "fragmented.mp4"):
        data = clip_of(clips, name).read_bytes()
        for _ in range(12):
            damaged = np.frombuffer(data, np.uint8)[: rng.integers(1, len(data) + 1)].copy()
            hits = rng.integers(0, len(damaged), rng.choice([1, 20, 200]))
            damaged[hits] = rng.integers(0, 256, len(hits))
            try:
                decoded = decode(damaged.tobytes(), 0, 16)
            except InvalidInput as error:
                assert error.status in (400, 413, 415, 422)  # noqa: PT017 - success is right too
            else:
                assert decoded.frame_ok.sum() == len(decoded.pixels)
    assert open_files() == open_before
