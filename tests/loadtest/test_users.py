"""What the users do about refusals, and which answers they count as errors."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from podium.lab.athlete import ground_truth
from tests.loadtest.fake_gateway import (
    SKELETON,
    Reply,
    as_json,
    as_lines,
    fake_gateway,
    frames,
    refusal,
)
from tests.loadtest.runs import load_test

PROFILE = """
levels = [{users = 5, seconds = 6}]
settle_s = 0
[users.KinesisConsumerUser]
pipeline = "busy"
frames = 8
weight = 2
[users.LiveFrameUser]
pipeline = "wrong"
fps = 10
[users.BatchVideoUser]
pipeline = "cut-off"
[users.OipClientUser]
pipeline = "full"
"""
RETRIES = 5

MALFORMED_PROFILE = """
levels = [{users = 3, seconds = 4}]
settle_s = 0
[users.LiveFrameUser]
pipeline = "json"
fps = 10
[users.BatchVideoUser]
pipeline = "lines"
[users.OipClientUser]
pipeline = "tensors"
"""


def of_one_frame(persons, skeleton=SKELETON):
    frame = {"index": 0, "status": "ok", "persons": persons}
    return json.dumps({"skeleton": skeleton, "frames": [frame]}).encode()


def tensors(**outputs):
    """An answer of an infer call: name -> datatype and rows."""
    made = [
        {"name": name, "datatype": kind, "shape": [len(data)], "data": data}
        for name, (kind, data) in outputs.items()
    ]
    parameters = {"skeleton": SKELETON}
    return json.dumps({"model_name": "tensors", "parameters": parameters, "outputs": made}).encode()


PERSON = {"keypoints": [[0.0, 0.0, 0.0]]}
MALFORMED = {
    "json": {
        "JSONDecodeError": b"{",
        "IndexError": of_one_frame([]),
        "KeyError": of_one_frame([{}]),
        "NotFound": of_one_frame([PERSON], "octopus"),
        "TypeError": b"5",
        "ValueError": of_one_frame([{"keypoints": [[0.0, 0.0], [0.0]]}]),
    },
    "lines": {
        "IndexError": b"".join(
            json.dumps(line).encode() + b"\n"
            for line in (
                {"skeleton": SKELETON},
                {"index": 0, "status": "ok", "persons": []},
                {"timing_ms": {}},
            )
        ),
        "TypeError": b"5\n",
        "ValueError": b'{"timing_ms": {}}\n',
    },
    "tensors": {
        "KeyError": tensors(),
        "IndexError": tensors(
            frame_index=("INT32", [0]),
            status=("BYTES", ["ok"]),
            person_frame_index=("INT32", [0]),
            keypoints=("FP32", []),
        ),
    },
}
"""Pipeline -> error -> an answer that causes it."""


@pytest.fixture(scope="module")
def truth(clip):
    return ground_truth.load(clip.with_suffix(".json"))


@pytest.fixture(scope="module")
def run(truth, tmp_path_factory):
    def busy(request, before):
        if before < 4:
            return refusal(503, 1, "come back later")
        return as_json(frames(truth, request))

    def wrong(request, before):
        if before % 3 == 0:
            return None
        request.count = 1
        return as_json(frames(truth, request, shift_px=300))

    def cut_off(request, before):
        return as_lines(frames(truth, request), whole=before % 2 == 0)

    def full(request, before):
        return refusal(429, 0, f"all {before + 100} places are taken")

    behaviours = {"busy": busy, "wrong": wrong, "cut-off": cut_off, "full": full}
    with fake_gateway(behaviours) as gateway:
        yield gateway, load_test(tmp_path_factory.mktemp("users"), PROFILE, gateway.url)


def test_consumers_come_back_when_they_were_told_to(run):
    gateway, outcome = run
    arrived_s = sorted(r.arrived_s for r in gateway.requests if r.pipeline == "busy")
    # Two consumers, refused twice each.
    assert min(np.array(arrived_s[2:4]) - arrived_s[0]) > 0.99
    assert min(np.array(arrived_s[4:6]) - arrived_s[2]) > 0.99
    assert ["KinesisConsumerUser", 503, 4] in outcome.figures["refusals"]
    assert outcome.failures("KinesisConsumerUser") == {}
    rows = [row for row in outcome.figures["callers"] if row["user"] == "KinesisConsumerUser"]
    assert rows[0]["calls"] > 2


def test_refusals_to_the_end_are_errors_with_their_code_and_reason(run):
    gateway, outcome = run
    failed = outcome.failures("OipClientUser")
    assert set(failed) == {(429, "all # places are taken")}
    calls = failed[429, "all # places are taken"]
    asked = sum(request.pipeline == "full" for request in gateway.requests)
    assert asked == calls * (1 + RETRIES)


def test_wrong_and_missing_answers_are_errors(run):
    gateway, outcome = run
    failed = outcome.failures("LiveFrameUser")
    asked = sum(request.pipeline == "wrong" for request in gateway.requests)
    lost = -(-asked // 3)
    assert failed[200, "wrong key points"] == asked - lost
    assert failed[0, "no answer (HTTPConnectionClosed)"] == lost
    assert outcome.failures("BatchVideoUser")[200, "the stream was cut off"] > 0


def test_answers_of_another_form_are_errors(tmp_path):
    def behaviour(pipeline):
        bodies = list(MALFORMED[pipeline].values())

        def answer(_, before):
            time.sleep(0.05)
            return Reply(body=bodies[before % len(bodies)])

        return answer

    with fake_gateway({pipeline: behaviour(pipeline) for pipeline in MALFORMED}) as gateway:
        outcome = load_test(tmp_path, MALFORMED_PROFILE, gateway.url)
    assert outcome.code == 1, outcome.printed
    users = {"json": "LiveFrameUser", "lines": "BatchVideoUser", "tensors": "OipClientUser"}
    for pipeline, user in users.items():
        failed = outcome.failures(user)
        assert set(failed) == {(200, f"malformed answer ({e})") for e in MALFORMED[pipeline]}
        asked = sum(request.pipeline == pipeline for request in gateway.requests)
        assert sum(failed.values()) == asked


def test_missed_objectives_show(run):
    _, outcome = run
    assert outcome.code == 1
    assert "missed: calls that failed" in outcome.printed
    assert "Not all objectives are met" in outcome.report
    assert "all # places are taken" in outcome.report
    assert "wrong key points" in outcome.report
