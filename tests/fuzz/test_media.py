"""Damaged videos and pictures are decoded as far as they go or refused: never anything else."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import av
import cv2
import pytest

from podium.decode.decoder import Decoder
from podium.decode.settings import DecodeSettings
from podium.errors import InvalidInput
from podium.types import FrameRange, Letterbox, Media
from tests.fuzz.campaign import campaign
from tests.fuzz.mutations import mutated
from tests.support.videos import numbered_picture, write_video

EXACT = {"fflags": "+bitexact"}
"""No random numbers in the headers: the same examples each time."""

VIDEOS = {
    "h264.mp4": {"g": "6", "bf": "2"},
    "fragmented.mp4": {"container_options": EXACT | {"movflags": "frag_keyframe+empty_moov"}},
    "h264.mkv": {"g": "4"},
    "vp9.webm": {"codec": "libvpx-vp9", "deadline": "realtime"},
    "mpeg4.avi": {"codec": "mpeg4", "bf": "2"},
    "mjpeg.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "h264.ts": {"g": "6", "bf": "2"},
}
LONGEST_S = 30
"""Of a file of some kilobytes, on a machine that does other things, too."""


@pytest.fixture(scope="module")
def seeds(tmp_path_factory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("seeds")
    files = [
        write_video(folder / name, 12, **({"container_options": EXACT} | options)).read_bytes()
        for name, options in VIDEOS.items()
    ]
    progressive = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    for suffix, how in ((".jpg", []), (".jpg", progressive), (".png", []), (".webp", [])):
        files += [cv2.imencode(suffix, numbered_picture(5), how)[1].tobytes()]
    with av.open(str(folder / "clip.gif"), "w") as container:
        stream = container.add_stream("gif", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "rgb8"
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number), format="rgb24")
            container.mux(stream.encode(frame.reformat(format="rgb8")))
        container.mux(stream.encode(None))
    return [*files, (folder / "clip.gif").read_bytes()]


def test_mutated_media(seeds):
    settings = DecodeSettings(max_pixels=1 << 20, max_batch_bytes=16 << 20)

    async def decode(decoder: Decoder, data: bytes, frames: FrameRange) -> bool:
        batch = await decoder.decode(Media(data), frames, stride=4, letterbox=Letterbox(64))
        decoder.release(batch.frames)
        return bool(batch.frame_ok.any())

    with asyncio.Runner() as loop, Decoder(settings) as decoder:

        def decoded_or_refused(random):
            data = mutated(random, seeds)
            frames = FrameRange(random.randint(0, 12), random.randint(1, 8))
            begun = time.monotonic()
            with suppress(InvalidInput):
                loop.run(decode(decoder, data, frames))
            assert time.monotonic() - begun < LONGEST_S

        campaign(decoded_or_refused, few=80)
        assert loop.run(decode(decoder, seeds[0], FrameRange(0, 4)))
