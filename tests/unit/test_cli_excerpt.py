"""Excerpts of videos, checked frame by frame: every frame shows its own number."""

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from podium.client.excerpt import LocalVideo
from podium.errors import PodiumError
from podium.schemas.results import FrameResult, PipelineResult, SourceResult

FRAMES = 40
BITS = 6
CELL_PX = 16


def picture(number: int) -> np.ndarray[Any, Any]:
    bits = [255 * (number >> bit & 1) for bit in range(BITS)]
    row = np.repeat(np.array(bits, np.uint8), CELL_PX)
    return np.broadcast_to(row[None, :, None], (64, BITS * CELL_PX, 3)).copy()


def number_in(frame: av.VideoFrame) -> int:
    grey = frame.to_ndarray(format="gray")
    centres = grey[32, CELL_PX // 2 :: CELL_PX]
    return sum(1 << bit for bit, level in enumerate(centres) if level > 127)


def write(path: Path, codec: str, options: dict[str, str], ticks: list[int]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30)
        stream.width, stream.height = BITS * CELL_PX, 64
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.options = options
        stream.codec_context.time_base = Fraction(1, 600)
        for number, tick in enumerate(ticks):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts, frame.time_base = tick, Fraction(1, 600)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


STEADY = [20 * i for i in range(FRAMES)]
UNEVEN = [20 * i + 7 * (i % 3) for i in range(FRAMES)]

CASES = {
    "b-frames": ("clip.mp4", "libx264", {"bf": "3", "g": "12"}, STEADY),
    "pyramid": (
        "clip.mkv",
        "libx264",
        {"x264-params": "bframes=3:b-pyramid=normal:keyint=15"},
        STEADY,
    ),
    "open group of pictures": (
        "clip.mp4",
        "libx264",
        {"x264-params": "open-gop=1:bframes=3:keyint=10"},
        STEADY,
    ),
    "one key frame": ("clip.mov", "libx264", {"g": "1000"}, STEADY),
    "uneven times": ("clip.mp4", "libx264", {"bf": "2", "g": "9"}, UNEVEN),
    "late start": ("clip.mkv", "libx264", {"bf": "2", "g": "9"}, [t + 3000 for t in STEADY]),
    "transport stream": ("clip.ts", "libx264", {"bf": "2", "g": "10"}, STEADY),
    "mpeg-4 in avi": ("clip.avi", "mpeg4", {"g": "8"}, STEADY),
    "h.264 in avi": ("clip.avi", "libx264", {"bf": "2", "g": "10"}, STEADY),
    "only key frames": ("clip.avi", "mjpeg", {}, STEADY),
}


@pytest.fixture(params=CASES, ids=lambda name: name.replace(" ", "-"))
def video(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    name, codec, options, ticks = CASES[request.param]
    return write(tmp_path / name, codec, options, ticks)


def numbers_in(data: bytes) -> list[int]:
    with av.open(io.BytesIO(data)) as container:
        return [number_in(frame) for frame in container.decode(video=0)]


def answer_of(count: int, *, first: int = 0) -> PipelineResult:
    """What a gateway answers to an excerpt."""
    return PipelineResult(
        pipeline="pose-2d",
        skeleton="coco17",
        models={},
        source=SourceResult(width=96, height=64, fps=25, frame_count=9, duration_s=1),
        frames=[
            FrameResult(index=first + i, time_s=i / 25, status="no_person") for i in range(count)
        ],
    )


@pytest.mark.parametrize(("start", "count"), [(0, 5), (7, 8), (10, 1), (19, 12), (33, 20)])
def test_an_excerpt_holds_the_frames_that_were_asked_for(
    video: Path, start: int, count: int
) -> None:
    with LocalVideo(video) as local:
        assert local.frame_count == FRAMES
        part = local.cut(start, count)
    wanted = list(range(start, min(start + count, FRAMES)))
    assert len(part.data) < video.stat().st_size + 1000
    assert part.count == len(wanted)
    assert numbers_in(part.data)[part.start : part.start + part.count] == wanted


def test_excerpts_can_be_cut_in_any_order(tmp_path: Path) -> None:
    name, codec, options, ticks = CASES["b-frames"]
    with LocalVideo(write(tmp_path / name, codec, options, ticks)) as local:
        for start in (30, 0, 20, 5, 39):
            part = local.cut(start, 3)
            shown = numbers_in(part.data)[part.start : part.start + part.count]
            assert shown == list(range(start, min(start + 3, FRAMES)))


def test_the_answer_gets_the_numbers_and_times_of_the_video(tmp_path: Path) -> None:
    name, codec, options, ticks = CASES["uneven times"]
    with LocalVideo(write(tmp_path / name, codec, options, ticks)) as local:
        part = local.cut(12, 4)
        restored = local.restore(answer_of(4, first=part.start), 12, 4)
    assert [frame.index for frame in restored.frames] == [12, 13, 14, 15]
    assert [frame.time_s for frame in restored.frames] == pytest.approx(
        [ticks[i] / 600 for i in range(12, 16)], abs=1e-4
    )
    assert restored.source.frame_count == FRAMES
    assert restored.source.fps == pytest.approx((FRAMES - 1) / (ticks[-1] / 600), rel=1e-3)


def test_frames_beyond_the_end_of_a_cut_off_video_do_not_decode(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = BITS * CELL_PX, 64, "yuv420p"
        for number in range(FRAMES):
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(picture(number), format="rgb24"))
            )
        container.mux(stream.encode())
    data = path.read_bytes()
    path.write_bytes(data[: -len(data) // 6])
    with LocalVideo(path) as local:
        assert local.frame_count == FRAMES
        present = len(numbers_in(path.read_bytes()))
        part, nothing = local.cut(present - 3, 6), local.cut(present + 1, 2)
        some = local.restore(answer_of(part.count), present - 3, 6)
        none = local.restore(answer_of(nothing.count), present + 1, 2)
    assert 5 < present < FRAMES - 3
    assert part.count == 3
    assert [frame.status for frame in some.frames] == ["no_person"] * 3 + ["decode_error"] * 3
    assert [frame.status for frame in none.frames] == ["decode_error"] * 2
    times = [frame.time_s for frame in some.frames + none.frames[1:]]
    assert times == pytest.approx([(present - 3 + i) / 30 for i in (0, 1, 2, 3, 4, 5, 5)], abs=0.1)


def test_the_rotation_of_a_telephone_video_is_kept(tmp_path: Path) -> None:
    name, codec, options, ticks = CASES["b-frames"]
    upright = write(tmp_path / name, codec, options, ticks)
    turned = tmp_path / "turned.mp4"
    with av.open(str(upright)) as source, av.open(str(turned), "w") as target:
        copy = target.add_stream_from_template(source.streams.video[0])
        copy.set_display_rotation(90)
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = copy
                target.mux(packet)
    with LocalVideo(turned) as local:
        part = local.cut(5, 5)
    with av.open(str(turned)) as whole, av.open(io.BytesIO(part.data)) as excerpt:
        wanted = next(whole.decode(video=0)).rotation
        assert wanted != 0
        assert next(excerpt.decode(video=0)).rotation == wanted


@pytest.mark.parametrize("content", [b"", b"plain text, no video", b"#EXTM3U\nclip.mp4\n"])
def test_what_is_no_video_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(PodiumError), LocalVideo(path):
        pass
