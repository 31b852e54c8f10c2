"""Pictures in 4:2:0: their colours, crops and frames are those of the same pictures in RGB."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from podium.media.codecs import CodecsHere
from podium.media.containers import HEAD_BYTES, Source
from podium.media.upright import to_rgb, to_yuv
from podium.media.video import VideoReader
from podium.types import CropSpec, Letterbox
from podium.vision.affine import crop
from podium.vision.letterbox import letterbox
from podium.vision.video_frames import rgb_of
from podium.yuv import Colours, Yuv
from tests.support.videos import numbered_picture, write_video

CODES = {Colorspace.ITU601: 5, Colorspace.ITU709: 1}


@pytest.fixture(scope="module")
def rgb() -> np.ndarray:
    """Smooth, so that a pixel has the chroma of its neighbours, and of every hue."""
    noise = np.random.default_rng(3).integers(0, 256, (360, 640, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 12)
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def encoded(rgb: np.ndarray, matrix: Colorspace, values: ColorRange) -> Yuv:
    """As FFmpeg converts it."""
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(
        format="yuv420p", dst_colorspace=matrix, dst_color_range=values
    )
    frame.colorspace, frame.color_range = CODES[matrix], values
    return to_yuv(frame, (frame.width, frame.height))


@pytest.mark.parametrize("matrix", CODES)
@pytest.mark.parametrize("values", [ColorRange.MPEG, ColorRange.JPEG])
def test_colours_are_those_that_were_encoded(rgb, matrix, values):
    yuv = encoded(rgb, matrix, values)
    assert yuv.colours.is_full_range == (values == ColorRange.JPEG)
    assert yuv.shape == rgb.shape
    assert yuv.nbytes * 2 == rgb.nbytes
    off = np.abs(rgb_of(yuv).astype(int) - rgb)
    assert off.mean() < 1.5
    assert np.quantile(off, 0.999) <= 6


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"x264-params": "tff=1", "flags": "+ilme+ildct"}),
        ("libx264", {"x264-params": "fake-interlaced=1"}),
        ("mpeg2video", {"flags": "+ilme+ildct", "top": "1"}),
        ("mpeg2video", {}),
        ("mjpeg", {}),
    ],
)
def test_frames_of_videos_are_those_of_ffmpeg(rgb, tmp_path, codec, options):
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height = 640, 360
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for shift in range(3):
            frame = av.VideoFrame.from_ndarray(np.roll(rgb, 7 * shift, 0), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        expected = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    source = Source(path, path.read_bytes()[:HEAD_BYTES])
    with VideoReader(max_pixels=1 << 20, codecs=CodecsHere()) as reader:
        index = reader.index(source)
        frames = list(reader.frames(source, index, np.arange(3)))
    assert index.is_420 == ("flags" not in options)
    for one, other in zip(frames, expected, strict=True):
        np.testing.assert_array_equal(rgb_of(one.pixels), other)


def frames_of(rgb: np.ndarray) -> Iterator[av.VideoFrame]:
    """In 4:2:0, of several sizes, in many matrices and all ranges (unknown, limited, full)."""
    for height, width in ((360, 640), (270, 480), (358, 634)):
        for matrix, values in itertools.product((1, 2, 5, 6, 7, 8, 9), (0, 1, 2)):
            frame = av.VideoFrame.from_ndarray(rgb[:height, :width].copy(), format="rgb24")
            frame = frame.reformat(format="yuv420p")
            frame.colorspace, frame.color_range = matrix, values
            yield frame


def test_the_pixels_are_those_of_ffmpeg(rgb):
    for frame in frames_of(rgb):
        size = frame.width, frame.height
        yuv = to_yuv(frame, size)
        np.testing.assert_array_equal(rgb_of(yuv), to_rgb(frame, size, Fraction(1)))


@pytest.mark.parametrize("border", ["constant", "replicate"])
def test_crops_are_those_of_the_picture_in_rgb(rgb, border):
    rng = np.random.default_rng(7)
    spec = CropSpec(128, 97, border)
    for frame in frames_of(rgb):
        size = frame.width, frame.height
        yuv, whole = to_yuv(frame, size), to_rgb(frame, size, Fraction(1))
        # Inside, over each edge, beyond each edge, and larger than the picture.
        middle = rng.uniform(-0.7, 1.7, (24, 2)) * size
        side = rng.choice([3, 60, 200, 900], 24)
        turn = rng.uniform(-4, 4, 24) * rng.integers(0, 2, 24)
        rois = np.column_stack([middle, side, side * rng.uniform(0.5, 1, 24), turn])
        ours = crop([yuv] * 24, rois.astype(np.float32), spec, fill=114)
        alone = crop([yuv], rois[:1].astype(np.float32), spec, fill=114)
        expected = crop([whole] * 24, rois.astype(np.float32), spec, fill=114)
        np.testing.assert_array_equal(ours.transforms, expected.transforms)
        np.testing.assert_array_equal(ours.images, expected.images)
        np.testing.assert_array_equal(alone.images, expected.images[:1])


@pytest.mark.parametrize(
    ("size", "roi", "spec"),
    [
        ((172, 74), (0, 171.5, 13.5, 267.5, np.pi / 2), CropSpec(256, 192)),
        ((216, 368), (80, 171, 21, 11, np.pi / 2), CropSpec(224, 192, "replicate")),
        ((146, 144), (54.71875, 73.390625, 2, 1e-30, 1e-7), CropSpec(64, 2, "replicate")),
    ],
)
def test_pixels_halfway_between_two_steps_are_rounded_as_in_rgb(size, roi, spec):
    """OpenCV rounds to 1/32 px. With the numbers of other lines these would round differently."""
    height, width = size
    planes = np.random.default_rng(1).integers(0, 256, (height * 3 // 2, width), np.uint8)
    yuv, rois = Yuv(planes, Colours(matrix=1)), np.array([roi], np.float32)
    expected = crop([rgb_of(yuv)], rois, spec).images
    np.testing.assert_array_equal(crop([yuv], rois, spec).images, expected)


@pytest.mark.parametrize("anchor", ["center", "top_left"])
def test_letterboxes_are_those_of_the_picture_in_rgb(rgb, anchor):
    spec = Letterbox(192, anchor, 114)
    for frame in frames_of(rgb):
        size = frame.width, frame.height
        ours, to_frame = letterbox(to_yuv(frame, size), spec)
        expected, as_expected = letterbox(to_rgb(frame, size, Fraction(1)), spec)
        np.testing.assert_array_equal(to_frame, as_expected)
        np.testing.assert_array_equal(ours, expected)


def test_frames_of_other_formats_and_odd_sizes_stay_rgb(tmp_path):
    for name, options in {
        "444.mp4": {"pix_fmt": "yuv444p"},
        "420.mp4": {},
        "mjpeg.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    }.items():
        path = write_video(tmp_path / name, 3, **options)
        source = Source(path, path.read_bytes()[:HEAD_BYTES])
        with VideoReader(max_pixels=1 << 20, codecs=CodecsHere()) as reader:
            index = reader.index(source)
            frames = list(reader.frames(source, index, np.arange(3)))
        assert len(frames) == 3
        for number, frame in enumerate(frames):
            assert isinstance(frame.pixels, Yuv) == (name != "444.mp4")
            assert frame.pixels.nbytes == reader.frame_bytes(index)
            off = np.abs(rgb_of(frame.pixels).astype(int) - numbered_picture(number))
            assert off.mean() < 6


def test_unknown_colours_are_those_of_bt601():
    assert np.array_equal(Colours().to_rgb(), Colours(matrix=5).to_rgb())
    assert not np.array_equal(Colours().to_rgb(), Colours(matrix=1).to_rgb())
    white = Colours().to_rgb() @ [235, 128, 128, 1]
    np.testing.assert_allclose(white, 255, atol=1e-9)
    assert Colours().of_rgb((0, 0, 0)) == pytest.approx((16, 128, 128))
