"""A service that is told to stop does not wait for work whose client has gone."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing

import cv2
import numpy as np
import pytest
import requests

from podium.local.stack import free_ports
from podium.wire import bytes_tensor, write_request
from tests.support.one_service import one_service
from tests.support.waiting import blocking_until

SERVICE = """
import time
from concurrent.futures import ThreadPoolExecutor
from fastapi import APIRouter
from podium.serving.app import create_service_app
from podium.serving.http.settings import ServiceSettings
from podium.serving.observing.in_thread import in_thread
from podium.serving.oip.catalogue import Catalogue
from podium.serving.server import serve

executor = ThreadPoolExecutor(1)
router = APIRouter()

@router.post("/slow")
async def slow():
    await in_thread(executor, time.sleep, 600)

serve("test", lambda s: create_service_app("test", Catalogue(), s, summary="-", routers=[router]),
      ServiceSettings)
"""


def test_work_that_nobody_waits_for_does_not_hold_a_service_up():
    port = free_ports()["gateway"]
    environment = {**os.environ, "PODIUM_PORT": str(port)}
    with subprocess.Popen(
        [sys.executable, "-c", SERVICE], env=environment, stdout=subprocess.PIPE, text=True
    ) as service:
        blocking_until(lambda: _answers(port))
        with closing(socket.create_connection(("127.0.0.1", port))) as client:
            client.sendall(b"POST /slow HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n")
            blocking_until(lambda: _in_flight(port) == 2)  # this one, and the question
        blocking_until(lambda: _in_flight(port) == 1)
        service.send_signal(signal.SIGTERM)
        said, _ = service.communicate(timeout=30)
    assert service.returncode == 0
    assert "draining: 0 requests in flight" in said
    assert "work that nobody waits for is abandoned" in said


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/v2/health/live", timeout=5).ok
    except requests.ConnectionError:
        return False


def _in_flight(port: int) -> int:
    lines = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text.splitlines()
    (line,) = (each for each in lines if each.startswith("podium_in_flight_requests{"))
    return int(float(line.split()[-1]))


TRACKS = 5000


@pytest.mark.slow
@pytest.mark.parametrize("service", ["decode", "postprocess"])
def test_services_at_work_for_nobody_stop_as_soon(service, tmp_path, clip):
    """A picture that takes seconds to decode, and results of 5,000 persons."""
    settings = {
        "PODIUM_OBJECTS_READ_ROOTS": f"{clip.parent},{tmp_path}",
        "PODIUM_POSTPROCESS_OBJECTS_WRITE_ROOTS": str(tmp_path),
    }
    body = slow_picture() if service == "decode" else many_persons(clip, tmp_path)
    with one_service(service, settings) as process:
        with closing(socket.create_connection((process.host, process.port))) as client:
            headers = "".join(f"{name}: {value}\r\n" for name, value in body.headers.items())
            head = f"POST /v2/models/{service}/infer HTTP/1.1\r\nhost: a\r\n{headers}"
            client.sendall(f"{head}content-length: {len(body.data)}\r\n\r\n".encode() + body.data)
            blocking_until(lambda: _in_flight(process.port) == 2)
            time.sleep(0.5)  # well into its work
        blocking_until(lambda: _in_flight(process.port) == 1)
        told = time.monotonic()
        process.terminate()
        assert process.wait(60)
        print(f"{service}: {time.monotonic() - told:.1f} s from SIGTERM to the end")
        assert process.exit_code == 0


def slow_picture():
    noise = np.random.default_rng(0).integers(0, 255, (6000, 6000, 3), np.uint8)
    _, data = cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    return write_request({"media": bytes_tensor(data.tobytes())}, {"count": 1})


def many_persons(clip, folder):
    points = [[100 + 7 * (j % 4), 100 + 6 * j, 0.9] for j in range(17)]
    given = {"box": [90, 90, 140, 210], "score": 0.9, "keypoints": points}
    frames = [
        {
            "index": index,
            "time_s": index / 50,
            "status": "ok",
            "persons": [given | {"track_id": 50 * (index // 2) + n} for n in range(50)],
        }
        for index in range(2 * TRACKS // 50)
    ]
    facts = {"width": 1280, "height": 720, "fps": 50, "frame_count": 200, "duration_s": 4}
    result = {"pipeline": "p", "skeleton": "coco17", "models": {}, "source": facts}
    given = {
        "source": clip.as_uri(),
        "results": json.dumps([result | {"frames": frames}]),
        "output": (folder / "out").as_uri(),
    }
    return write_request({name: bytes_tensor(value) for name, value in given.items()}, {})
