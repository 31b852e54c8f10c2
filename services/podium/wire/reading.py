"""Bodies to named arrays.

Arrays are views into the received body: nothing is copied between socket and engine.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from podium.errors import InvalidInput, StageFailed, TooLarge
from podium.wire.elements import from_blob, from_json
from podium.wire.json_values import check_keys, read_object
from podium.wire.messages import HEADER_LENGTH, InferRequest, InferResult, Parameter
from podium.wire.tensors import DTYPES, TensorSpec, bytes_tensor

MAX_RANK = 16
MAX_HEADER_BYTES = 256 << 20
"""Limit of the JSON header; large enough for JSON tensors."""
MAX_ELEMENTS = 1 << 48
"""Limit of the product of the sizes that are not 0; numpy makes no larger array, even empty."""
MAX_TENSORS = 256
_SCALARS = (str, int, float, bool)
_LENGTH = re.compile(r"[0-9]{1,18}")


def read_request(body: bytes, header_length: str | None) -> InferRequest:
    """Decode the body of an infer request.

    Args:
        body: The whole body, decompressed.
        header_length: Value of the ``Inference-Header-Content-Length`` header, if any.

    Raises:
        InvalidInput: the body is malformed; the message names the tensor or the field.
    """
    header, blobs = _split(body, header_length)
    if not isinstance(header.get("inputs"), list):
        raise InvalidInput("must be a list of tensors", field="inputs")
    parameters = _parameters(header)
    wanted: dict[str, bool] | None = None
    binary = parameters.pop("binary_data_output", False) is True
    if header.get("outputs") not in (None, []):  # an empty list asks for all, as with Triton
        wanted = {}
        for i, output in enumerate(_objects(header["outputs"], "outputs")):
            name = _name(output, f"outputs[{i}]")
            if name in wanted:
                raise InvalidInput(f"{name!r} is asked for twice", field="outputs")
            wanted[name] = _is_binary(_parameters(output), name, default=binary)
    request_id = header.get("id", "")
    if not isinstance(request_id, str):
        raise InvalidInput("must be a string", field="id")
    return InferRequest(
        inputs=_read_tensors(_objects(header["inputs"], "inputs"), blobs),
        parameters=parameters,
        id=request_id,
        outputs=wanted,
        binary=binary,
    )


def read_raw(body: bytes, specs: Sequence[TensorSpec]) -> InferRequest:
    """Decode a raw binary request: the whole body is the model's one input, of batch 1.

    Raises:
        InvalidInput: the model has several required inputs, or the size does not fit.
    """
    required = [spec for spec in specs if not spec.optional] or list(specs[:1])
    if len(required) != 1:
        raise InvalidInput(
            "a raw request fits models with one input; this one has "
            + ", ".join(spec.name for spec in required),
            field=HEADER_LENGTH,
        )
    spec = required[0]
    dtype = DTYPES[spec.datatype]
    if dtype.kind == "O":
        return InferRequest({spec.name: bytes_tensor(body)}, binary=True)
    shape = [1 if i == 0 and n == -1 else n for i, n in enumerate(spec.shape)]
    if shape.count(-1) > 1:
        raise InvalidInput("a raw request fits one variable dimension", field=spec.name)
    if -1 in shape:
        known = -math.prod(shape) * dtype.itemsize
        shape[shape.index(-1)] = len(body) // known if known else 0
    blob = memoryview(body)
    return InferRequest({spec.name: from_blob(blob, spec.name, dtype, tuple(shape))}, binary=True)


def read_response(body: bytes, header_length: str | None) -> InferResult:
    """Decode the body of an infer response. Raises StageFailed when it is malformed."""
    try:
        header, blobs = _split(body, header_length)
        outputs = _read_tensors(_objects(header.get("outputs"), "outputs"), blobs)
        return InferResult(outputs, _parameters(header))
    except InvalidInput as error:
        raise StageFailed(f"malformed answer: {error.message}") from None


def _split(body: bytes, header_length: str | None) -> tuple[dict[str, Any], memoryview]:
    view = memoryview(body)
    length = len(view)
    if header_length is not None:
        if _LENGTH.fullmatch(header_length) is None:
            raise InvalidInput("must be a whole number of bytes", field=HEADER_LENGTH)
        length = int(header_length)
        if length > len(view):
            raise InvalidInput(
                f"is {length}, beyond the body of {len(view)} bytes", field=HEADER_LENGTH
            )
    if length > MAX_HEADER_BYTES:
        raise InvalidInput(f"is over {MAX_HEADER_BYTES} bytes", field="JSON header")
    return read_object(view[:length]), view[length:]


def json_bytes(body: bytes, header_length: str | None) -> int:
    """How many bytes of a body are JSON, according to the header; it is not checked."""
    valid = header_length is not None and _LENGTH.fullmatch(header_length) is not None
    return min(int(header_length or 0), len(body)) if valid else len(body)


def _objects(value: object, where: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise InvalidInput("must be a list of objects", field=where)
    if len(value) > MAX_TENSORS:
        raise TooLarge(f"are more than {MAX_TENSORS} tensors", field=where)
    return value


def _name(tensor: dict[str, Any], where: str) -> str:
    name = tensor.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidInput("has no name", field=where)
    return name


def _parameters(holder: dict[str, Any]) -> dict[str, Parameter]:
    parameters = holder.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise InvalidInput("must be an object", field="parameters")
    check_keys(parameters, field="parameters")
    for key, value in parameters.items():
        if not isinstance(value, _SCALARS):
            raise InvalidInput("must be a string, a number or a boolean", field=f"parameters.{key}")
    return dict(parameters)


def _is_binary(parameters: dict[str, Parameter], name: str, *, default: bool) -> bool:
    """Whether an output is requested as binary data; outputs have no other parameters."""
    for key in parameters.keys() - {"binary_data"}:
        raise InvalidInput(
            f"output parameter {key!r} is not known, only binary_data is", field=name
        )
    binary = parameters.get("binary_data", default)
    if not isinstance(binary, bool):
        raise InvalidInput("binary_data must be true or false", field=name)
    return binary


def _read_tensors(tensors: Sequence[dict[str, Any]], blobs: memoryview) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    offset = 0
    for i, tensor in enumerate(tensors):
        name = _name(tensor, f"tensor {i}")
        if name in arrays:
            raise InvalidInput("is given twice", field=name)
        dtype, shape = _dtype(tensor, name), _shape(tensor, name)
        size = _parameters(tensor).get("binary_data_size")
        if size is None:
            arrays[name] = from_json(tensor, name, dtype, shape)
            continue
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise InvalidInput("binary_data_size must be a whole number of bytes", field=name)
        if "data" in tensor:
            raise InvalidInput("has both data and binary_data_size", field=name)
        if offset + size > len(blobs):
            raise InvalidInput(
                f"declares {size} bytes, but only {len(blobs) - offset} follow the header",
                field=name,
            )
        arrays[name] = from_blob(blobs[offset : offset + size], name, dtype, shape)
        offset += size
    if offset != len(blobs):
        raise InvalidInput(f"{len(blobs) - offset} bytes are left after the last tensor")
    return arrays


def _dtype(tensor: dict[str, Any], name: str) -> np.dtype[Any]:
    datatype = tensor.get("datatype")
    if not isinstance(datatype, str) or datatype not in DTYPES:
        raise InvalidInput(f"has datatype {datatype!r}; known are {', '.join(DTYPES)}", field=name)
    return DTYPES[datatype]


def _shape(tensor: dict[str, Any], name: str) -> tuple[int, ...]:
    shape = tensor.get("shape")
    if not isinstance(shape, list) or len(shape) > MAX_RANK:
        raise InvalidInput("shape must be a list of non-negative whole numbers", field=name)
    elements = 1
    for n in shape:
        if type(n) is not int or n < 0:  # a boolean is an int, too
            raise InvalidInput("shape must be a list of non-negative whole numbers", field=name)
        elements *= n or 1
    if elements >= MAX_ELEMENTS:
        raise InvalidInput(f"shape {shape} is beyond any tensor", field=name)
    return tuple(shape)
