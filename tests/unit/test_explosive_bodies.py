"""Small bodies that would become large: refused by what they take, before it is taken."""

from __future__ import annotations

import json
import time
import tracemalloc

import numpy as np
import pytest

from podium.errors import InvalidInput, TooLarge
from podium.gateway.results_apart import cut_results
from podium.gateway.routes import PostprocessRequest
from podium.pipelines.spec import PipelineRequest
from podium.postprocess.result_text import parse_results
from podium.wire import read_request
from podium.wire.elements import MAX_BYTES_ELEMENTS
from podium.wire.json_values import parsed_bytes, read_json, read_object
from podium.wire.parameters import read_parameters

CPU_S = 3.0


def bytes_body(elements, shape):
    blob = bytes(4 * elements)
    tensor = {
        "name": "x",
        "datatype": "BYTES",
        "shape": [shape],
        "parameters": {"binary_data_size": len(blob)},
    }
    header = json.dumps({"inputs": [tensor]}).encode()
    return header + blob, str(len(header))


def infer(body, header_length=None):
    read_request(body, header_length)


def postprocess(body, _=None):
    read_parameters(PostprocessRequest, read_object(body), reserved=False)


def results(body, _=None):
    parse_results(body)


def options(body, _=None):
    read_parameters(PipelineRequest, read_object(body), reserved=False)


FRAMES = (
    b'[{"pipeline":"p","skeleton":"coco17","models":{},"frames":[%s],"source":'
    b'{"width":1,"height":1,"fps":1,"frame_count":1,"duration_s":1}}]'
)
PERSONS = b'{"index":0,"time_s":0,"status":"ok","persons":[%s]}'
UNKNOWN = b",".join(b'"%d":1' % i for i in range(1_000_000))
HEADER = b'{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":'


@pytest.mark.parametrize(
    ("read", "body", "header_length"),
    [
        (infer, *bytes_body(16_000_000, 16_000_000)),
        (infer, *bytes_body(16_000_000, 1)),
        (infer, HEADER + b"[" + b"[1]," * 16_000_000 + b"[1]]}]}", None),
        (infer, b'{"inputs":[' + b"{}," * 20_000_000 + b"{}]}", None),
        (infer, b'{"inputs":[' + b"{}," * 3_000_000 + b"{}]}", None),
        (infer, HEADER + b"[" * 30_000_000, None),
        (infer, b'{"inputs":[],"parameters":{%s}}' % UNKNOWN, None),
        (infer, b'{"inputs":[],"outputs":[' + b'{"name":""},' * 2_000_000 + b"{}]}", None),
        (postprocess, b'{"results":[' + b"{}," * 20_000_000 + b"{}]}", None),
        (postprocess, b'{"source":"a","output":"b","results":[' + b"1," * 3_000_000 + b"1]}", None),
        (postprocess, b'{"source":"a","output":"b",%s}' % UNKNOWN, None),
        (options, b"{%s}" % UNKNOWN, None),
        (results, b"[" + b"{}," * 1_000_000 + b"{}]", None),
        (results, b"{}\n" * 1_000_000, None),
        (results, b"[{%s}]" % UNKNOWN, None),
        (results, FRAMES % (b"{}," * 1_000_000 + b"{}"), None),
        (results, FRAMES % (b"{%s}" % UNKNOWN), None),
        (results, FRAMES % (PERSONS % (b"{}," * 1_000_000 + b"{}")), None),
        (results, FRAMES % (PERSONS % (b"{%s}" % UNKNOWN)), None),
        (results, FRAMES.replace(b'"models":{}', b'"models":{%s}' % UNKNOWN) % b"", None),
        (results, FRAMES.replace(b"{}", b'{},"timing_ms":{"a":{"b":{%s}}}' % UNKNOWN) % b"", None),
    ],
    ids=range(21),
)
def test_it_is_refused_with_bounded_work(read, body, header_length):
    began = time.process_time()
    with pytest.raises(InvalidInput):
        read(body, header_length)
    assert time.process_time() - began < CPU_S


@pytest.mark.parametrize(
    "text",
    [
        b"[" + b"{}," * 400_000 + b"{}]",
        b"[" + b"[1]," * 400_000 + b"[1]]",
        b"[" + b"0.125," * 400_000 + b"1]",
        b"[" + b'"ab",' * 400_000 + b'""]',
        b"[" + b'{"a":1},' * 200_000 + b"{}]",
        b"{" + b",".join(b'"key-%d":%d' % (i, i * 1000) for i in range(200_000)) + b"}",
    ],
    ids=["objects", "lists", "numbers", "strings", "entries", "keys"],
)
def test_the_estimate_is_above_what_parsing_takes(text):
    tracemalloc.start()
    try:
        held = read_json(text)
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held
    assert size <= parsed_bytes(text) <= 6 * size


def results_of(frames, count):
    source = {"width": 1, "height": 1, "fps": 50, "frame_count": count, "duration_s": 400}
    result = {"pipeline": "p", "skeleton": "coco17", "models": {}, "source": source}
    return json.dumps([result | {"frames": frames}], separators=(",", ":")).encode()


def person(track, points):
    return {
        "track_id": track,
        "box": [10.5, 20.5, 110.5, 220.5],
        "score": 0.98,
        "keypoints": points,
    }


def frames(count, persons):
    return [
        {"index": i, "time_s": i / 50, "status": "ok", "persons": persons(i)} for i in range(count)
    ]


POINTS = np.random.default_rng(0).uniform(0, 1000, (17, 3)).round(3).tolist()


@pytest.mark.parametrize(
    ("made", "most"),
    [
        (frames(2000, lambda _: [person(1, POINTS)]), 3),
        (frames(2000, lambda _: [person(1, POINTS) | {"keypoints_3d": POINTS}]), 3),
        (frames(500, lambda i: [person(4 * i + n, POINTS) for n in range(4)]), 5),
        (frames(2000, lambda _: [person(1, [[0, 0, 0]] * 17)]), 5),
        (frames(9000, lambda _: []), 5),
    ],
    ids=["2d", "3d", "tracks", "short numbers", "nobody"],
)
def test_results_take_little_more_memory_than_their_text(made, most):
    body = results_of(made, len(made))
    tracemalloc.start()
    try:
        (read,) = parse_results(body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(read.frame_index) == len(made)
    assert peak <= most * len(body)


def test_the_gateway_passes_results_on_without_reading_them():
    body = results_of(frames(2000, lambda _: [person(1, POINTS)]), 2000)
    request = b'{"source":"[]","results": %s ,"output":"o"}' % body
    tracemalloc.start()
    try:
        rest, results = cut_results(request)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert results == body
    assert json.loads(rest) == {"source": "[]", "results": [], "output": "o"}
    assert peak <= 1.5 * len(request)
    for other in (b"{}", b'{"results":null}', b'{"results":{"a":[1]}}'):
        assert cut_results(other) == (other, b"[]")
    for broken in (b"", b"[]", b"{", b'{"results":[}', b"\xff"):
        with pytest.raises(InvalidInput):
            cut_results(broken)


def test_as_many_elements_as_are_allowed_pass():
    request = read_request(*bytes_body(MAX_BYTES_ELEMENTS, MAX_BYTES_ELEMENTS))
    assert request.inputs["x"].shape == (MAX_BYTES_ELEMENTS,)
    with pytest.raises(TooLarge, match="x: has more than 65536 elements of type BYTES"):
        read_request(*bytes_body(MAX_BYTES_ELEMENTS + 1, MAX_BYTES_ELEMENTS + 1))
