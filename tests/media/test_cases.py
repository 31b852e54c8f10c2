"""Videos that real devices and programs make, by every door: the same frames, times and size."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import numpy as np
import pytest

from podium.client.excerpt import LocalVideo
from podium.client.gateway_client import GatewayClient
from podium.client.requests import Requests
from podium.decode.decoder import Decoder
from podium.decode.settings import DecodeSettings
from podium.local.stack import Stack
from podium.postprocess.source import open_source
from podium.schemas.results import FrameResult, PipelineResult, SourceResult
from podium.types import FrameBatch, FrameRange, Letterbox, Media
from podium.vision.sampling import rgb_of
from tests.support.videos import number_of

BITS, BLOCK = 10, 16


def number_at_the_bottom(picture: np.ndarray) -> int:
    """The number in the lowest rows of a picture of 192 lines."""
    row = picture[176, BLOCK // 2 : BITS * BLOCK : BLOCK].mean(axis=-1)
    return sum(1 << bit for bit, level in enumerate(row) if level > 125)


@dataclass(frozen=True)
class Case:
    """What a video of the shared data folder shows."""

    numbers: list[int | None]  # of each frame; None: it does not decode
    times: list[float]
    size: tuple[int, int] = (320, 192)
    notes: list[str] = field(default_factory=list)  # words that each note has
    read: Callable[[np.ndarray], int] = number_at_the_bottom


def steady(count: int, rate: float = 25) -> list[float]:
    return [i / rate for i in range(count)]


EXIST = [i for i in range(40) if i not in (10, 11, 25)]
CASES = {
    "av1-ranges/svt-av1.mp4": Case(list(range(60)), steady(60)),
    "avi-dropped-frames/mjpeg-null.avi": Case(EXIST, [i / 25 for i in EXIST]),
    "capture-rate/android-120-as-30.mp4": Case(
        list(range(60)), steady(60, 120), notes=["filmed at 120 frames/s; it plays at 30"]
    ),
    "equal-times/stts-zero.mp4": Case(
        list(range(40)),
        [i / 25 for i in range(21)] + [20.5 / 25] + [i / 25 for i in range(21, 39)],
        notes=["1 frame(s) have the time stamp of the frame before"],
    ),
    "packed-b-frames/divx-packed.avi": Case(list(range(24)), steady(24)),
    "pixel-aspect/sar-4-3.mp4": Case(list(range(10)), steady(10)),
    "two-fields-one-frame/paff-camcorder.ts": Case(
        list(range(12)), steady(12), size=(160, 32), read=number_of
    ),
    "upload-of-a-cut/hevc-cut.mkv": Case([None, *range(24, 60)], steady(37)),
    "which-video-stream/preview-first.mkv": Case(
        list(range(30)), steady(30), notes=["2 video streams; the one of 320x192"]
    ),
}


@pytest.fixture(params=CASES, ids=lambda name: name.partition("/")[0])
def named(request: pytest.FixtureRequest, shared_data: Path) -> tuple[Path, Case]:
    return shared_data / "cases" / request.param, CASES[request.param]


@pytest.fixture(scope="module")
def decoder(shared_data: Path) -> Iterator[Decoder]:
    roots = {"read_roots": str(shared_data)}
    with Decoder(DecodeSettings(objects=roots)) as decoder:
        yield decoder


def decoded(decoder: Decoder, media: Media, start: int, count: int | None) -> FrameBatch:
    letterbox = Letterbox(320, "top_left")  # at the size of the frames, so numbers can be read
    frames = FrameRange(start, count)
    return asyncio.run(decoder.decode(media, frames, stride=1, letterbox=letterbox))


def numbers_in(batch: FrameBatch, case: Case) -> list[int | None]:
    scale = 320 / case.size[0]
    shown = {
        int(frame): case.read(image[:: round(scale), :: round(scale)])
        for frame, image in zip(batch.image_frame, batch.images, strict=True)
    }
    return [shown.get(int(frame)) for frame in batch.frame_index]


def ranges(count: int) -> list[tuple[int, int]]:
    """Adjacent ones, and such that begin anywhere."""
    return [(0, 8), (8, 8), (5, 1), (1, count), (count - 3, 3), (count // 2, 4), (0, count)]


@pytest.mark.parametrize("door", ["uri", "upload"])
def test_any_range_is_decoded(named, decoder, door):
    path, case = named
    media = Media(uri=path.as_uri()) if door == "uri" else Media(data=path.read_bytes())
    for start, count in ranges(len(case.numbers)):
        batch = decoded(decoder, media, start, count)
        assert numbers_in(batch, case) == case.numbers[start : start + count]
        np.testing.assert_allclose(batch.time_s, case.times[start : start + count], atol=2e-3)
        assert tuple(batch.frame_size) == case.size
        assert batch.source.frame_count == len(case.numbers)
        assert len(batch.source.notes) == len(case.notes)
        for note, words in zip(batch.source.notes, case.notes, strict=True):
            assert words in note


def test_excerpts_hold_the_same_frames(named, decoder):
    path, case = named
    with LocalVideo(path) as video:
        assert video.frame_count == len(case.numbers)
        for start, count in ranges(len(case.numbers)):
            part = video.cut(start, count)
            batch = decoded(decoder, Media(data=part.data), part.start, part.count)
            assert numbers_in(batch, case) == case.numbers[start : start + count]
            answer = video.restore(answer_of(batch), start, count)
            times = [frame.time_s for frame in answer.frames]
            np.testing.assert_allclose(times, case.times[start : start + count], atol=2e-3)
            assert (answer.source.width, answer.source.height) == case.size
            assert len(answer.degraded) == len(case.notes)


def answer_of(batch: FrameBatch) -> PipelineResult:
    """What the gateway answers where it finds nobody."""
    width, height = batch.frame_size.tolist()
    return PipelineResult(
        pipeline="pose-2d",
        skeleton="coco17",
        models={},
        source=SourceResult(width=width, height=height, fps=25, frame_count=99, duration_s=9),
        frames=[
            FrameResult(index=index, time_s=time_s, status="no_person")
            for index, time_s in zip(batch.frame_index.tolist(), batch.time_s.tolist(), strict=True)
        ],
    )


def test_overlays_are_drawn_on_the_same_frames(named):
    path, case = named
    wanted = np.array([i for i in range(len(case.numbers)) if i % 3 != 1])
    found = {
        frame.ordinal: case.read(rgb_of(frame.picture))
        for frame in open_source(path, max_pixels=1 << 20).frames(wanted)
    }
    assert found == {i: case.numbers[i] for i in wanted.tolist() if case.numbers[i] is not None}


async def by_all_doors(gateway_url: str, path: Path) -> dict[str, list[PipelineResult]]:
    options = {"tiles": "never", "stride": 64}
    found: dict[str, list[PipelineResult]] = {}
    async with GatewayClient(gateway_url) as client:
        requests = Requests(client, "pose-2d", options)
        with LocalVideo(path) as video:
            doors = {
                "uri": requests.by_uri(path.as_uri()),
                "upload": requests.whole(path),
                "excerpts": requests.in_parts(path, video),
            }
            for door, request in doors.items():
                found[door] = [await request(0, 8), await request(8, 64)]
    return found


def test_every_door_of_the_gateway_gives_the_same(named, stack: Stack):
    path, case = named
    expected = ["decode_error" if number is None else "no_person" for number in case.numbers]
    for door, answers in asyncio.run(by_all_doors(stack.gateway_url, path)).items():
        frames = [frame for answer in answers for frame in answer.frames]
        assert [frame.index for frame in frames] == list(range(len(case.numbers))), door
        assert [frame.status for frame in frames] == expected, door
        np.testing.assert_allclose([frame.time_s for frame in frames], case.times, atol=2e-3)
        for answer in answers:
            source = answer.source
            assert (source.width, source.height, source.frame_count) == (
                *case.size,
                len(case.numbers),
            ), door
            assert len(answer.degraded) == len(case.notes), door


async def test_the_protocol_gives_the_times_and_the_notes(shared_data, stack: Stack):
    path = shared_data / "cases" / "capture-rate" / "android-120-as-30.mp4"
    for options, rate, slowed in (({}, 120, 4), ({"capture_fps": 240}, 240, 8)):
        request = {
            "inputs": [{"name": "uri", "shape": [1], "datatype": "BYTES", "data": [path.as_uri()]}],
            "parameters": {"tiles": "never", "stride": 64, **options},
        }
        url = f"{stack.gateway_url}/v2/models/pose-2d/infer"
        async with aiohttp.ClientSession() as session, session.post(url, json=request) as response:
            answer = await response.json()
        outputs = {output["name"]: output["data"] for output in answer["outputs"]}
        np.testing.assert_allclose(outputs["time_s"], steady(60, rate), atol=1e-6)
        assert answer["parameters"]["slow_motion"] == slowed
        assert f"filmed at {rate} frames/s" in answer["parameters"]["degraded"]


@pytest.mark.parametrize(
    ("name", "uri", "options", "rate_hz", "warning"),
    [
        ("equal-times/stts-zero.mp4", False, [], 25, "have the time stamp of the frame before"),
        ("capture-rate/android-120-as-30.mp4", True, [], 120, "filmed at 120 frames/s"),
        ("pixel-aspect/sar-4-3.mp4", False, ["--slowmo", "2"], 50, "2 times as fast"),
        ("two-fields-one-frame/paff-camcorder.ts", False, [], 25, "No person was found"),
    ],
    ids=["equal-times", "capture-rate", "pixel-aspect", "two-fields"],
)
def test_a_run_writes_its_files(  # noqa: PLR0917
    shared_data, stack: Stack, tmp_path, name, uri, options, rate_hz, warning
):
    path = shared_data / "cases" / name
    command = [sys.executable, "-m", "podium", "run", str(path), "--pipeline", "pose-2d"]
    command += ["--gateway", stack.gateway_url, "--out", str(tmp_path / "out"), *options]
    if uri:
        command += ["--uri", path.as_uri()]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 0, result.stderr
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    case = CASES[name]
    assert summary["frames"]["rate_hz"] == pytest.approx(rate_hz, rel=1e-3)
    assert summary["frames"]["count"] == len(case.numbers)
    assert summary["frames"]["undecodable"] == 0
    assert (summary["source"]["width"], summary["source"]["height"]) == case.size
    assert any(warning in line for line in summary["warnings"])
    overlay = open_source(tmp_path / "out" / "overlay.mp4", max_pixels=1 << 20)
    shown = list(overlay.frames(np.arange(100)))
    if case.size[1] > 100:  # in a smaller picture the label lies over the number
        assert [case.read(rgb_of(frame.picture)) for frame in shown] == case.numbers
    assert len(shown) == len(case.numbers)
    assert shown[0].picture.shape[1::-1] == case.size


def test_a_picture_is_upright_by_every_door(shared_data, stack: Stack):
    path = shared_data / "cases" / "webp-orientation" / "exif6.webp"

    async def sizes() -> list[tuple[int, int]]:
        async with GatewayClient(stack.gateway_url) as client:
            requests = Requests(client, "pose-2d", {"tiles": "never"})
            answers = [
                await request(0, 1)
                for request in (requests.by_uri(path.as_uri()), requests.whole(path))
            ]
        return [(answer.source.width, answer.source.height) for answer in answers]

    assert asyncio.run(sizes()) == [(120, 180)] * 2
    (frame,) = open_source(path, max_pixels=1 << 20).frames(np.arange(1))
    assert frame.picture.shape == (180, 120, 3)
