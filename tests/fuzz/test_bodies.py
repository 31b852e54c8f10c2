"""Bodies with mistakes are read or refused: no other exception, whatever they hold."""

from __future__ import annotations

import json
from contextlib import suppress

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from podium.errors import InvalidInput, StageFailed
from podium.gateway.forms import read_form
from podium.gateway.routes import PostprocessRequest
from podium.pipelines.spec import PipelineRequest
from podium.postprocess.frame_results import merge, parse_results
from podium.schemas.postprocess import PostprocessOptions
from podium.wire import read_request, read_response, write_request
from podium.wire.json_values import read_object
from podium.wire.parameters import read_parameters
from tests.fuzz.conftest import fuzz
from tests.fuzz.mutations import mutated

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
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@fuzz
@given(
    mutated(REQUESTS),
    st.sampled_from([BINARY.headers["inference-header-content-length"], None, "0", "7", "x"]),
)
def test_infer_requests(body, header_length):
    with suppress(InvalidInput):
        read_request(body, header_length)
    with suppress(StageFailed):
        read_response(body, header_length)


@fuzz
@given(mutated(RESULTS))
def test_results(body):
    with suppress(InvalidInput):
        merge(parse_results(body), max_frames=1000)


@fuzz
@given(mutated([FORM]), st.sampled_from(["multipart/form-data; boundary=X", "multipart/form-data"]))
def test_forms(body, content_type):
    with suppress(InvalidInput):
        read_form(body, content_type)


@fuzz
@given(
    st.sampled_from([PipelineRequest, PostprocessOptions, PostprocessRequest]),
    st.data(),
)
def test_options(kind, data):
    names = st.sampled_from([*kind.model_fields, "unknown"])
    values = data.draw(st.dictionaries(names, JSON, max_size=5))
    with suppress(InvalidInput):
        read_parameters(kind, values)
    with suppress(InvalidInput):
        read_object(json.dumps(values).encode("utf-8", "replace"))
