"""A service that is told to stop does not wait for work whose client has gone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import closing

import requests

from podium.local.stack import free_ports
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
