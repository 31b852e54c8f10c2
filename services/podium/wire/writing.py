"""Named arrays to bodies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from podium.errors import InvalidInput
from podium.wire.elements import as_text, to_blob
from podium.wire.messages import (
    BINARY_TYPE,
    HEADER_LENGTH,
    JSON_TYPE,
    Body,
    InferRequest,
    InferResult,
    Parameter,
)
from podium.wire.tensors import Tensors, datatype_of


def write_request(
    inputs: Tensors, parameters: Mapping[str, Parameter] | None = None, *, request_id: str = ""
) -> Body:
    """Encode an infer request with every tensor as binary, asking for binary outputs."""
    header: dict[str, Any] = {"parameters": {**(parameters or {}), "binary_data_output": True}}
    if request_id:
        header["id"] = request_id
    return _join(header, "inputs", inputs, dict.fromkeys(inputs, True))


def write_response(
    model_name: str, model_version: str, request: InferRequest, result: InferResult
) -> Body:
    """Encode an infer response in the form that the request asked for.

    Raises:
        InvalidInput: the request wants an output that the model does not have.
    """
    wanted = request.outputs
    if wanted is None:
        wanted = dict.fromkeys(result.outputs, request.binary)
    for name in wanted:
        if name not in result.outputs:
            raise InvalidInput(
                f"the model has no output {name!r}; it has {', '.join(result.outputs)}",
                field="outputs",
            )
    header: dict[str, Any] = {"model_name": model_name, "model_version": model_version}
    if request.id:
        header["id"] = request.id
    if result.parameters:
        header["parameters"] = dict(result.parameters)
    return _join(header, "outputs", {name: result.outputs[name] for name in wanted}, wanted)


def _join(header: dict[str, Any], key: str, tensors: Tensors, binary: Mapping[str, bool]) -> Body:
    entries: list[dict[str, Any]] = []
    blobs: list[bytes | memoryview] = []
    for name, tensor in tensors.items():
        entry: dict[str, Any] = {
            "name": name,
            "datatype": datatype_of(tensor),
            "shape": list(tensor.shape),
        }
        if binary[name] or tensor.dtype == np.float16:  # FP16 has no JSON form
            blob = to_blob(tensor)
            entry["parameters"] = {"binary_data_size": len(blob)}
            blobs.append(blob)
        elif tensor.dtype.kind == "O":
            entry["data"] = [as_text(name, element) for element in tensor.ravel()]
        else:
            entry["data"] = tensor.ravel().tolist()
        entries.append(entry)
    header[key] = entries
    head = orjson.dumps(header)
    if not blobs:
        return Body((head,), {"content-type": JSON_TYPE})
    return Body(
        (head, *blobs),
        {"content-type": BINARY_TYPE, HEADER_LENGTH: str(len(head))},
    )
