"""Locust's web interface starts a run, and the report is there when the run ends."""

from __future__ import annotations

import json
import signal
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from podium.lab.athlete import ground_truth
from podium.local.stack import free_ports
from tests.loadtest.fake_gateway import as_json, fake_gateway, frames
from tests.loadtest.runs import command, environment
from tests.support.waiting import blocking_until

PROFILE = """
levels = [{users = 2, seconds = 3}]
settle_s = 0
[users.KinesisConsumerUser]
frames = 4
"""
WAIT_S = 60


@pytest.mark.slow
def test_a_run_is_started_from_the_browser(clip, tmp_path):
    truth = ground_truth.load(clip.with_suffix(".json"))
    (tmp_path / "profile.toml").write_text(PROFILE)
    port = free_ports()["gateway"]
    url = f"http://127.0.0.1:{port}"

    def answer(request, _):
        time.sleep(0.1)
        return as_json(frames(truth, request))

    def is_up():
        try:
            with urllib.request.urlopen(url) as page:
                return b"Locust" in page.read()
        except urllib.error.URLError:
            return False

    with fake_gateway({"pose-3d": answer}) as gateway:
        flags = ("--profile", "profile.toml", "--out", "report", "--host", gateway.url)
        process = subprocess.Popen(
            command(*flags, "--web", "--web-port", str(port)), cwd=tmp_path, env=environment()
        )
        try:
            blocking_until(is_up, WAIT_S)
            assert gateway.requests == []
            form = urllib.request.Request(f"{url}/swarm", data=b"", method="POST")
            with urllib.request.urlopen(form) as started:
                assert json.load(started)["success"]
            blocking_until((tmp_path / "report" / "report.html").is_file, WAIT_S)
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(WAIT_S) == 0
    figures = json.loads((tmp_path / "report" / "figures.json").read_text())
    assert figures["best"]["users"] == 2
    assert int(figures["verdicts"][0]["found"]) == len(gateway.requests)
