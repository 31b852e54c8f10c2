"""Bodies with mistakes are read or refused: no other exception, whatever they hold."""

from __future__ import annotations

import json
from contextlib import suppress

import numpy as np
import pytest

from podium.errors import InvalidInput, StageFailed
from podium.gateway.forms import read_form
from podium.gateway.routes import PostprocessRequest
from podium.pipelines.spec import PipelineRequest
from podium.postprocess.frame_results import merge
from podium.postprocess.result_text import parse_results
from podium.schemas.postprocess import PostprocessOptions
from podium.wire import read_request, read_response, write_request
from podium.wire.json_values import read_object
from podium.wire.parameters import read_parameters
from tests.fuzz.campaign import campaign
from tests.fuzz.mutations import mutated, mutated_document

BINARY = write_request(
    {
        "images": np.zeros((1, 2, 2, 3), np.uint8),
        "boxes": np.ones((1, 4), np.float32),
        "text": np.array([b"a", b"bc"], object),
    },
    {"timeout": 1000},
)
REQUESTS = [
    BINARY.data,
    json.dumps(
        {
            "id": "1",
            "inputs": [
                {"name": "a", "datatype": "UINT8", "shape": [2, 2], "data": [[1, 2], [3, 4]]},
                {"name": "b", "datatype": "BYTES", "shape": [1], "data": ["x"]},
                {"name": "c", "datatype": "FP64", "shape": [1], "data": [1.5]},
            ],
            "outputs": [{"name": "y", "parameters": {"binary_data": True}}],
        }
    ).encode(),
]
PERSON = {
    "track_id": 1,
    "box": [0, 0, 10, 10],
    "score": 0.5,
    "keypoints": [[1, 2, 0.5]] * 17,
    "keypoints_3d": [[0, 0, 0]] * 17,
}
RESULT = {
    "pipeline": "p",
    "skeleton": "coco17",
    "models": {"detection": "a@1"},
    "source": {"width": 64, "height": 48, "fps": 25, "frame_count": 2, "duration_s": 0.08},
    "frames": [
        {"index": i, "time_s": i / 25, "status": "ok", "persons": [PERSON]} for i in range(2)
    ],
}
RESULTS = [
    json.dumps([RESULT]).encode(),
    json.dumps(RESULT).encode(),
    b"\n".join([json.dumps(RESULT).encode()] * 2),
]
FORM = (
    b'--X\r\nContent-Disposition: form-data; name="media"; filename="a"\r\n\r\nabc\r\n'
    b'--X\r\nContent-Disposition: form-data; name="stride"\r\n\r\n4\r\n--X--\r\n'
)
OPTIONS = {
    PipelineRequest: {
        "start": 0,
        "count": 8,
        "stride": 2,
        "detect_every": 4,
        "score_threshold": 0.5,
        "max_persons": 2,
        "timeout": 1000,
    },
    PostprocessOptions: {
        "filter": "savgol",
        "cutoff_hz": 6.0,
        "max_gap_frames": 3,
        "athlete": "nearest:3,4",
        "athlete_height_m": 1.8,
        "overlay": False,
        "overlay_frames": 0,
    },
    PostprocessRequest: {
        "source": "file:///a",
        "output": "file:///b",
        "results": [RESULT],
        "results_uri": "file:///c",
        "athlete_mass_kg": 70,
    },
}


def test_infer_requests():
    lengths = [BINARY.headers["inference-header-content-length"], None, "0", "7", "x"]

    def read(random):
        body, header_length = mutated(random, REQUESTS), random.choice(lengths)
        with suppress(InvalidInput):
            read_request(body, header_length)
        with suppress(StageFailed):
            read_response(body, header_length)

    campaign(read)


def test_infer_requests_whose_json_is_sound():
    documents = [json.loads(REQUESTS[1])]

    def read(random):
        body = json.dumps(mutated_document(random, random.choice(documents))).encode()
        with suppress(InvalidInput):
            read_request(body, None)
        with suppress(StageFailed):
            read_response(body, None)

    campaign(read)


def test_results():
    def read(random):
        with suppress(InvalidInput):
            merge(parse_results(mutated(random, RESULTS)), max_frames=1000)

    campaign(read)


def test_forms():
    types = ["multipart/form-data; boundary=X", "multipart/form-data", "a/b"]

    def read(random):
        with suppress(InvalidInput):
            read_form(mutated(random, [FORM]), random.choice(types))

    campaign(read)


@pytest.mark.parametrize("kind", OPTIONS)
def test_options(kind):
    def read(random):
        body = json.dumps(mutated_document(random, OPTIONS[kind])).encode()
        with suppress(InvalidInput):
            read_parameters(kind, read_object(body))

    campaign(read)
