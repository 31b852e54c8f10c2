"""Small videos whose frames carry their own number, readable after lossy coding."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from podium.vision.video_frames import rgb_of
from podium.yuv import Picture

WIDTH, HEIGHT = 160, 96
_BITS = 10
_BLOCK = 16


def numbered_picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A picture (H, W, 3) with the number as a row of black and white blocks over grey noise."""
    noise = np.random.default_rng(number).integers(70, 110, (height, width, 1), np.uint8)
    picture = np.repeat(noise, 3, axis=2)
    for bit in range(_BITS):
        value = 235 if number >> bit & 1 else 16
        picture[:_BLOCK, bit * _BLOCK : (bit + 1) * _BLOCK] = value
    return picture


def number_of(picture: Picture) -> int:
    """The number that a decoded picture shows."""
    centres = rgb_of(picture)[_BLOCK // 2, _BLOCK // 2 : _BITS * _BLOCK : _BLOCK].mean(axis=-1)
    return sum(1 << bit for bit in range(_BITS) if centres[bit] > 125)


def write_video(
    path: Path,
    count: int,
    *,
    codec: str = "libx264",
    rate: int = 25,
    ticks: Sequence[int] | None = None,
    pix_fmt: str = "yuv420p",
    size: tuple[int, int] = (WIDTH, HEIGHT),
    rotation: int = 0,
    pixel_aspect: Fraction | None = None,
    metadata: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    **options: str,
) -> Path:
    """Encode ``count`` numbered frames.

    Args:
        path: Its suffix names the container.
        count: Number of frames.
        codec: Name of the FFmpeg encoder.
        rate: Frames per second; the clock ticks once per frame.
        ticks: When each frame is shown, in ticks; None: one after the other.
        pix_fmt: Pixel format.
        size: Width and height.
        rotation: Degrees counter-clockwise that players are told to turn the video by.
        pixel_aspect: Width of a pixel / its height; None: not declared.
        metadata: Of the container.
        container_options: For the muxer.
        options: For the encoder.
    """
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        stream.codec_context.time_base = Fraction(1, rate)
        if pixel_aspect:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        container.metadata.update(metadata or {})
        if rotation:
            stream.set_display_rotation(rotation)
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number, *size), format="rgb24")
            frame.pts = number if ticks is None else ticks[number]
            frame.time_base = Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def only_audio(path: Path) -> Path:
    """A second of silence in an MP4."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16_000)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 16_000), np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = 16_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
