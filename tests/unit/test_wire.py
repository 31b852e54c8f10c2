"""The wire format: round trips, and every way in which a body can be malformed."""

from __future__ import annotations

import json
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from podium.errors import InvalidInput, StageFailed
from podium.wire import (
    DATATYPES,
    HEADER_LENGTH,
    InferRequest,
    InferResult,
    TensorSpec,
    bytes_tensor,
    datatype_of,
    read_error,
    read_raw,
    read_request,
    read_response,
    without_reserved,
    write_request,
    write_response,
)

DTYPES = ["bool", "u1", "<u2", "<u4", "<u8", "i1", "<i2", "<i4", "<i8", "<f2", "<f4", "<f8"]


def arrays(dtypes: list[str]) -> st.SearchStrategy:
    return st.sampled_from(dtypes).flatmap(
        lambda dtype: hnp.arrays(
            np.dtype(dtype), hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
        )
    )


@given(st.dictionaries(st.text(min_size=1, max_size=8), arrays(DTYPES), max_size=4))
def test_binary_round_trip(tensors):
    body = write_request(tensors, {"start": 3, "name": "x"}, request_id="7")
    request = read_request(body.data, body.headers.get(HEADER_LENGTH))
    assert request.id == "7"
    assert request.parameters == {"start": 3, "name": "x"}
    assert request.binary
    assert list(request.inputs) == list(tensors)
    for name, tensor in tensors.items():
        assert request.inputs[name].dtype == tensor.dtype
        np.testing.assert_array_equal(request.inputs[name], tensor)


@given(st.lists(st.binary(max_size=40), max_size=6), st.booleans())
def test_bytes_round_trip(elements, binary):
    if not binary:
        elements = [element.hex().encode() for element in elements]
    asked = InferRequest(inputs={}, id="", binary=binary)
    body = write_response("m", "1", asked, InferResult({"x": bytes_tensor(*elements)}))
    result = read_response(body.data, body.headers.get(HEADER_LENGTH))
    assert result.outputs["x"].tolist() == elements


@given(arrays([d for d in DTYPES if d != "<f2"]))
def test_json_round_trip(tensor):
    if tensor.dtype.kind == "f":
        tensor = np.nan_to_num(tensor)  # JSON has no NaN
    body = write_response("m", "1", InferRequest({}), InferResult({"x": tensor}))
    assert HEADER_LENGTH not in body.headers
    decoded = json.loads(body.data)
    assert decoded["model_name"] == "m"
    back = read_response(body.data, None).outputs["x"]
    np.testing.assert_array_equal(back, tensor)
    assert back.dtype == tensor.dtype


@given(st.binary(max_size=200), st.none() | st.text(max_size=6) | st.integers(0, 300).map(str))
def test_any_bytes_are_read_or_refused(body, header_length):
    with suppress(InvalidInput):
        assert isinstance(read_request(body, header_length), InferRequest)


SIZES = st.sampled_from([0, 1, 2, 3, -1, 1 << 31, 1 << 47, 1 << 63, 1.0, True, None])
VALUES = st.sampled_from([0, -1, 256, 1 << 63, -(1 << 63), 1e308, 0.5, True, None, "", [], [1], {}])
TENSORS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["x", "y", "z", "", None]),
        "datatype": st.sampled_from([*DATATYPES, "FLOAT", None]),
        "shape": st.lists(SIZES, max_size=3)
        | st.lists(st.integers(0, 2), max_size=20)
        | st.permutations([0, 1 << 47, 1 << 47])
        | SIZES,
    },
    optional={
        "data": st.just([]) | st.lists(VALUES | st.lists(VALUES, max_size=2), max_size=3) | VALUES,
        "parameters": st.fixed_dictionaries({"binary_data_size": st.integers(0, 16) | SIZES}),
    },
)


@settings(max_examples=500)
@given(st.lists(TENSORS, max_size=3), st.binary(max_size=16))
def test_any_tensors_are_read_as_declared_or_refused(tensors, blobs):
    head = json.dumps({"inputs": tensors}).encode()
    try:
        inputs = read_request(head + blobs, str(len(head))).inputs
    except InvalidInput:
        return
    for tensor in tensors:
        array = inputs[tensor["name"]]
        assert datatype_of(array) == tensor["datatype"]
        assert list(array.shape) == tensor["shape"]


def request(**changes):
    tensor = {"name": "x", "datatype": "FP32", "shape": [2], "data": [1, 2]} | changes
    return json.dumps({"inputs": [{k: v for k, v in tensor.items() if v is not None}]}).encode()


BIG = 1 << 40


@pytest.mark.parametrize(
    ("body", "header_length", "says"),
    [
        (b"", None, "body: is not valid JSON"),
        (b"[]", None, "body: must be a JSON object"),
        (b"{}", None, "inputs: must be a list"),
        (b'{"inputs":[7]}', None, "inputs: must be a list of objects"),
        (b"[" * 100_000, None, "body: is not valid JSON"),
        (request(), "x", "inference-header-content-length: must be a whole number"),
        (request(), "-1", "must be a whole number"),
        (request(), "9999", "beyond the body"),
        (request(), "9" * 5000, "must be a whole number"),
        (request(name=""), None, "has no name"),
        (request(datatype="FLOAT"), None, "x: has datatype 'FLOAT'; known are"),
        (request(shape=[-1]), None, "x: shape must be"),
        (request(shape=[2.0]), None, "x: shape must be"),
        (request(shape=[True]), None, "x: shape must be"),
        (request(shape="2"), None, "x: shape must be"),
        (request(shape=[1] * 40), None, "x: shape must be"),
        (request(shape=[BIG, BIG, BIG]), None, "is beyond any tensor"),
        (request(shape=[0, BIG, BIG], data=[]), None, "is beyond any tensor"),
        (request(shape=[BIG]), None, "x: holds 2 values"),
        (request(shape=[3]), None, "x: holds 2 values, its shape [3] wants 3"),
        (request(data=[[1], [2, 3]]), None, "x: data is ragged"),
        (request(data=["a", "b"]), None, "x: data does not fit"),
        (request(data=[None, 1]), None, "x: data does not fit"),
        (request(data={"a": 1}), None, "x: data must be a list"),
        (request(data=None), None, "x: has neither data nor"),
        (request(datatype="UINT8", data=[1, 256]), None, "x: a value is outside UINT8"),
        (request(datatype="UINT8", data=[1, -1]), None, "x: a value is outside UINT8"),
        (request(datatype="INT32", data=[1, 1.5]), None, "x: data does not fit"),
        (request(datatype="FP16"), None, "x: FP16 travels as binary data only"),
        (request(datatype="BYTES"), None, "x: elements of a BYTES tensor must be strings"),
        (request(parameters={"binary_data_size": 8}), None, "x: has both data and"),
        (request(data=None, parameters={"binary_data_size": 8}), None, "x: declares 8 bytes"),
        (request(data=None, parameters={"binary_data_size": -1}), None, "whole number of bytes"),
        (request(data=None, parameters={"binary_data_size": True}), None, "whole number"),
        (request(parameters=[1]), None, "parameters: must be an object"),
        (b'{"inputs":[],"parameters":{"a":[]}}', None, "parameters.a: must be a string"),
        (b'{"inputs":[],"id":7}', None, "id: must be a string"),
        (b'{"inputs":[],"outputs":[{"name":"a"},{"name":"a"}]}', None, "asked for twice"),
        (b'{"inputs":[]}', "13", None),
        (b'{"inputs":[]}xy', "13", "2 bytes are left"),
    ],
)
def test_malformed_requests_name_what_is_wrong(body, header_length, says):
    if says is None:
        assert read_request(body, header_length).inputs == {}
        return
    with pytest.raises(InvalidInput) as caught:
        read_request(body, header_length)
    assert says in caught.value.message


def test_twice_the_same_input():
    tensor = {"name": "x", "datatype": "BOOL", "shape": [1], "data": [True]}
    with pytest.raises(InvalidInput, match="x: is given twice"):
        read_request(json.dumps({"inputs": [tensor, tensor]}).encode(), None)


def test_blob_sizes_must_fit_shape():
    head = request(data=None, parameters={"binary_data_size": 4})
    with pytest.raises(InvalidInput, match=r"x: holds 4 bytes, its shape \[2\] wants 8"):
        read_request(head + b"1234", str(len(head)))
    head = request(data=None, datatype="BYTES", parameters={"binary_data_size": 6})
    with pytest.raises(InvalidInput, match="longer than the tensor"):
        read_request(head + b"\xff\xff\xff\xffab", str(len(head)))
    with pytest.raises(InvalidInput, match="holds 1 elements"):
        read_request(head + b"\x02\x00\x00\x00ab", str(len(head)))


def test_arrays_are_views_of_the_body():
    body = write_request({"x": np.arange(1000, dtype=np.float32)})
    array = read_request(body.data, body.headers[HEADER_LENGTH]).inputs["x"]
    assert not array.flags.owndata
    assert not array.flags.writeable


def test_outputs_can_be_chosen_each_in_its_form():
    asked = InferRequest({}, outputs={"b": True, "a": False})
    result = InferResult({"a": np.ones(2, np.int32), "b": np.ones(3, np.float32), "c": np.ones(1)})
    body = write_response("m", "1", asked, result)
    header = json.loads(body.data[: int(body.headers[HEADER_LENGTH])])
    assert [o["name"] for o in header["outputs"]] == ["b", "a"]
    assert header["outputs"][1]["data"] == [1, 1]
    assert "data" not in header["outputs"][0]
    with pytest.raises(InvalidInput, match="no output 'z'; it has a, b, c"):
        write_response("m", "1", InferRequest({}, outputs={"z": True}), result)


def test_bytes_that_are_not_text_need_binary():
    with pytest.raises(InvalidInput, match="ask for it as binary"):
        write_response("m", "1", InferRequest({}), InferResult({"x": bytes_tensor(b"\xff")}))


def test_raw_requests():
    image = TensorSpec("images", "UINT8", (-1, 2, 2, 3))
    raw = read_raw(bytes(range(12)), [image])
    assert raw.inputs["images"].shape == (1, 2, 2, 3)
    assert raw.binary
    with pytest.raises(InvalidInput, match="images: holds 5 bytes"):
        read_raw(b"12345", [image])
    line = TensorSpec("x", "FP32", (-1, -1))
    assert read_raw(bytes(12), [line]).inputs["x"].shape == (1, 3)
    media = TensorSpec("media", "BYTES", (1,), optional=True)
    assert read_raw(b"abc", [media, media]).inputs["media"].tolist() == [b"abc"]
    with pytest.raises(InvalidInput, match="one input"):
        read_raw(b"abc", [line, image])


def test_specs_name_the_tensor():
    spec = TensorSpec("images", "UINT8", (-1, 4))
    spec.check(np.zeros((9, 4), np.uint8))
    with pytest.raises(InvalidInput, match="images: has datatype FP32, wanted UINT8"):
        spec.check(np.zeros((9, 4), np.float32))
    with pytest.raises(InvalidInput, match=r"images: has shape \[4\]"):
        spec.check(np.zeros(4, np.uint8))


def test_answers_of_stages():
    with pytest.raises(StageFailed, match="malformed answer"):
        read_response(b"no", None)
    assert read_error(b'{"error":"no such thing"}') == "no such thing"
    assert read_error(b"<html>bad gateway</html>") == "<html>bad gateway</html>"
    assert read_error(b"") == "no message"


def test_the_protocols_own_parameters_are_let_through():
    given_parameters = {"timeout": 1, "triton_x": 2, "sequence_id": 3, "priority": 0, "start": 4}
    assert without_reserved(given_parameters) == {"start": 4}


def test_an_empty_list_of_outputs_asks_for_all():
    request = read_request(b'{"inputs":[],"outputs":[]}', None)
    assert request.outputs is None


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"classification": 3}, "y: output parameter 'classification' is not known"),
        ({"binary_data": 1}, "y: binary_data must be true or false"),
    ],
)
def test_output_parameters_that_are_not_known_are_refused(parameters, message):
    body = json.dumps({"inputs": [], "outputs": [{"name": "y", "parameters": parameters}]})
    with pytest.raises(InvalidInput, match=message):
        read_request(body.encode(), None)
