"""Where a stage runs is a setting: the answers of a pipeline are the same to the bit."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import re
from concurrent.futures import ThreadPoolExecutor

import av
import cv2
import numpy as np
import pytest
import requests

from podium.errors import DeadlineExceeded, InvalidInput, NotFound, SetupError
from podium.gateway.app import create_app
from podium.gateway.settings import GatewaySettings
from podium.serving.hosting.here import HERE, Here
from podium.serving.observing.telemetry import Metrics
from podium.serving.oip.catalogue import Catalogue
from podium.stages import Stages
from tests.support.one_service import one_service

STAGES = [field.name for field in dataclasses.fields(Stages)]
PLACEMENTS = {
    "all in one process": STAGES,
    "decode in the gateway": ["decode"],
    "networks in the gateway": ["detection", "pose2d", "pose3d"],
}


@pytest.fixture(scope="module")
def picture(clip) -> bytes:
    with av.open(str(clip)) as container:
        frame = next(container.decode(video=0))
    _, data = cv2.imencode(".jpg", frame.to_ndarray(format="bgr24"))
    return data.tobytes()


@pytest.fixture(scope="module", params=PLACEMENTS)
def gateway(request, stack, model_repository, results_root, clip):
    """The URL of a gateway with some stages in its process, the others where they are anyway."""
    here = PLACEMENTS[request.param]
    urls = {stage: HERE if stage in here else stack.urls[stage] for stage in STAGES}
    environment = {
        "PODIUM_MODELS": str(model_repository),
        "PODIUM_OBJECTS_READ_ROOTS": f"{clip.parent},{results_root}",
        "PODIUM_POSTPROCESS_OBJECTS_WRITE_ROOTS": str(results_root),
        **{f"PODIUM_GATEWAY_{stage.upper()}_URL": url for stage, url in urls.items()},
    }
    with one_service("gateway", environment) as process:
        yield process.url


def answer(url, pipeline, data, **options):
    response = requests.post(
        f"{url}/v1/pipelines/{pipeline}", params=options, data=data, timeout=120
    )
    decoded = response.json()
    decoded.pop("timing_ms", None)
    return response.status_code, decoded


@pytest.mark.parametrize("pipeline", ["pose-2d", "pose-3d"])
def test_answers_are_the_same_to_the_bit(gateway, stack, clip, picture, pipeline):
    for data, options in ((clip.read_bytes(), {"count": 40}), (picture, {"tiles": "always"})):
        status, found = answer(gateway, pipeline, data, **options)
        assert status == 200
        assert any(frame["persons"] for frame in found["frames"])
        assert (status, found) == answer(stack.gateway_url, pipeline, data, **options)


@pytest.mark.parametrize(
    ("data", "options"),
    [(b"no media", {}), (b"", {}), (b"#EXTM3U\n", {}), ("picture", {"start": 5})],
)
def test_refusals_are_the_same(gateway, stack, picture, data, options):
    data = picture if data == "picture" else data
    status, refusal = answer(gateway, "pose-2d", data, **options)
    assert 400 <= status < 500
    assert (status, refusal) == answer(stack.gateway_url, "pose-2d", data, **options)


def test_files_are_the_same(gateway, stack, clip, results_root, request):
    _, results = answer(stack.gateway_url, "pose-2d", clip.read_bytes(), count=40)

    def written(url, name):
        output = results_root / "placement" / request.node.callspec.id / name
        body = {
            "source": clip.as_uri(),
            "output": output.as_uri(),
            "results": [results],
            "overlay": False,
            "overlay_frames": 0,
        }
        response = requests.post(f"{url}/v1/postprocess", json=body, timeout=120)
        assert response.status_code == 200, response.text
        return {file["name"]: file["sha256"] for file in response.json()["files"]}

    there = written(stack.gateway_url, "there")
    assert "biomechanics.csv" in there
    assert written(gateway, "here") == there


def test_calls_are_counted_where_they_are_made(gateway):
    text = requests.get(f"{gateway}/metrics", timeout=10).text
    for stage in STAGES:
        assert f'podium_stage_replicas{{stage="{stage}"}} 1.0' in text
    assert 'podium_stage_duration_seconds_count{phase="total",stage="decode"}' in text


def test_a_stage_that_cannot_run_here_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PODIUM_MODELS", str(tmp_path))
    with pytest.raises(SetupError, match=r"holds no detection model; run `podium models pull"):
        create_app(GatewaySettings(detection_url=HERE))
    monkeypatch.setenv("PODIUM_DECODE_WORKERS", "many")
    with pytest.raises(SetupError, match="PODIUM_DECODE_WORKERS"):
        create_app(GatewaySettings(decode_url=HERE))


class Slow:
    """A model that never answers."""

    name, version, platform = "slow", "1", "test"
    inputs = outputs = ()
    parameters = {}  # noqa: RUF012

    async def infer(self, request):
        await asyncio.Event().wait()


async def test_calls_look_as_they_do_over_http():
    here = Here("decode", Catalogue([Slow()]), Metrics("gateway").calls("decode"), timeout_s=0.05)
    with pytest.raises(NotFound, match="no 'fast'"):
        await here.infer("fast", {})
    with pytest.raises(NotFound, match="no version '2'"):
        await here.metadata("slow@2")
    with pytest.raises(InvalidInput, match="no such input"):
        await here.infer("slow", {"x": np.zeros(1)})
    with pytest.raises(DeadlineExceeded, match="decode: the time budget has run out"):
        await here.infer("slow@1", {})
    assert (await here.metadata("slow"))["versions"] == ["1"]


def test_joined_calls_change_no_answer(stack, clip):
    """Twelve requests for different frames at once, and each frame alone."""
    urls = {stage: stack.urls[stage] for stage in STAGES}
    environment = {
        "PODIUM_GATEWAY_JOIN_MS": "1000",
        **{f"PODIUM_GATEWAY_{stage.upper()}_URL": url for stage, url in urls.items()},
    }
    data, frames = clip.read_bytes(), range(5, 41, 3)

    def frame(url, number):
        return answer(url, "pose-3d", data, start=number, count=1)

    with one_service("gateway", environment) as process:
        with ThreadPoolExecutor(len(frames)) as threads:
            together = list(threads.map(functools.partial(frame, process.url), frames))
        text = requests.get(f"{process.url}/metrics", timeout=10).text
    assert together == [frame(stack.gateway_url, number) for number in frames]
    assert all(found["frames"][0]["persons"] for status, found in together)
    for stage in ("decode", "detection", "pose3d"):
        [joined] = re.findall(rf'podium_stage_joined_calls_total{{stage="{stage}"}} (\S+)', text)
        assert float(joined) >= 2
