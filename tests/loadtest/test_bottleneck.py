"""A stage that is slowed down on purpose is the one that the report names."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.loadtest.runs import load_test, services

PROFILE = """
levels = [{users = 6, seconds = 12}]
settle_s = 3
[users.KinesisConsumerUser]
pipeline = "pose-3d"
frames = 16
"""
RUNS_S, STOPS_S = 0.02, 0.18


@contextmanager
def slowed(pid: int) -> Iterator[None]:
    """A process that stands still for nine tenths of the time."""
    done = threading.Event()

    def run() -> None:
        while not done.wait(RUNS_S):
            os.kill(pid, signal.SIGSTOP)
            done.wait(STOPS_S)
            os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        os.kill(pid, signal.SIGCONT)


@pytest.mark.alone
@pytest.mark.parametrize(
    "stage",
    [
        "detection",
        pytest.param("decode", marks=pytest.mark.slow),
        pytest.param("pose3d", marks=pytest.mark.slow),
    ],
)
def test_the_slowed_stage_is_named(stack, tmp_path, stage):
    (pid,) = (process.pid for process in stack.processes if process.name == stage)
    profile = PROFILE + services(stack.urls)
    with slowed(pid):
        outcome = load_test(tmp_path, profile, stack.gateway_url)
    assert outcome.code == 0, outcome.printed
    assert f"bottleneck: {stage}: " in outcome.printed
    assert f"**Bottleneck: {stage}**" in outcome.report
