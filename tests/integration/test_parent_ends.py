"""Services that a command has started end with it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil
import pytest

from podium.local.stack import free_ports
from tests.support.waiting import blocking_until

PARENT = """
import sys, time
from podium.local.service_process import ServiceProcess
service = ServiceProcess("postprocess", "127.0.0.1", int(sys.argv[1]), {}, None)
while not service.is_ready():
    time.sleep(0.05)
print(service.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP, signal.SIGTERM])
def test_a_service_ends_with_its_parent(number):
    port = free_ports()["gateway"]
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(port)], stdout=subprocess.PIPE, text=True
    ) as parent:
        service = psutil.Process(int(parent.stdout.readline()))
        assert service.is_running()
        os.kill(parent.pid, number)
        parent.wait(10)
        blocking_until(
            lambda: not service.is_running() or service.status() == psutil.STATUS_ZOMBIE,
            within_s=20,
        )
