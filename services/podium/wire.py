"""Open Inference Protocol V2 bytes <-> named arrays; the only module that knows the format.

Sources: the OIP V2 REST specification and its binary tensor data extension. A body is a JSON
header, followed by the blobs of those tensors that carry ``binary_data_size``, in header order,
little-endian and without padding. ``Inference-Header-Content-Length`` gives the length of the
JSON. Arrays are views into the received body: nothing is copied between socket and engine.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from podium.errors import InvalidInput, StageFailed

HEADER_LENGTH = "inference-header-content-length"
JSON_TYPE = "application/json"
BINARY_TYPE = "application/octet-stream"

Parameter = str | int | float | bool
Tensors = Mapping[str, NDArray[Any]]

_DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    **{f"UINT{8 * n}": np.dtype(f"<u{n}") for n in (1, 2, 4, 8)},
    **{f"INT{8 * n}": np.dtype(f"<i{n}") for n in (1, 2, 4, 8)},
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BYTES": np.dtype(object),
}
_DATATYPES = {dtype: name for name, dtype in _DTYPES.items()}
DATATYPES = tuple(_DTYPES)
"""Open Inference names of the element types."""

_RESERVED = frozenset({"timeout", "priority", "headers", "binary_data_output"})

MAX_RANK = 16
MAX_HEADER_BYTES = 256 << 20
"""JSON tensors may be large; a header beyond this is refused unread."""
MAX_ELEMENTS = 1 << 48
"""Product of the sizes that are not 0; numpy makes no array beyond, not even an empty one."""
_LENGTH = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, OIP datatype and shape (-1: variable) of an input or output of a model."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    optional: bool = False

    def to_json(self) -> dict[str, Any]:
        """The form that model metadata wants."""
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}

    def zeros(self, rows: int) -> NDArray[Any]:
        """A tensor that fits; its first dimension is ``rows`` where that is variable, others 1."""
        shape = [1 if size == -1 else size for size in self.shape]
        if self.shape and self.shape[0] == -1:
            shape[0] = rows
        return np.zeros(shape, _DTYPES[self.datatype])

    def check(self, array: NDArray[Any]) -> None:
        """Raise InvalidInput, naming the tensor, unless dtype and shape fit."""
        if datatype_of(array) != self.datatype:
            raise InvalidInput(
                f"has datatype {datatype_of(array)}, wanted {self.datatype}", field=self.name
            )
        fits = array.ndim == len(self.shape) and all(
            want in (-1, have) for want, have in zip(self.shape, array.shape, strict=True)
        )
        if not fits:
            raise InvalidInput(
                f"has shape {list(array.shape)}, wanted {list(self.shape)} (-1: any)",
                field=self.name,
            )


@dataclass(frozen=True, slots=True)
class InferRequest:
    """A decoded request."""

    inputs: dict[str, NDArray[Any]]
    parameters: dict[str, Parameter] = field(default_factory=dict)
    id: str = ""
    outputs: dict[str, bool] | None = None  # wanted outputs -> as binary; None: all of them
    binary: bool = False  # whether outputs that do not say otherwise go as binary


@dataclass(frozen=True, slots=True)
class InferResult:
    """What a model answers."""

    outputs: dict[str, NDArray[Any]]
    parameters: dict[str, Parameter] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Body:
    """Bytes ready to send, in parts that lie where they lay, and the headers that describe them."""

    parts: tuple[bytes | memoryview, ...]
    headers: dict[str, str]

    @property
    def data(self) -> bytes:
        """The parts joined."""
        return b"".join(self.parts)


def without_reserved(parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """The parameters that are not the protocol's own, which any request may carry."""
    return {
        key: value
        for key, value in parameters.items()
        if key not in _RESERVED and not key.startswith(("triton_", "sequence_"))
    }


def datatype_of(array: NDArray[Any]) -> str:
    """The OIP name of an array's dtype. Raises InvalidInput for one that OIP lacks."""
    try:
        return _DATATYPES[array.dtype.newbyteorder("<")]
    except KeyError:
        raise InvalidInput(f"dtype {array.dtype} has no Open Inference datatype") from None


def bytes_tensor(*elements: bytes | str) -> NDArray[Any]:
    """A one-dimensional BYTES tensor."""
    array = np.empty(len(elements), dtype=object)
    array[:] = [e.encode() if isinstance(e, str) else e for e in elements]
    return array


# Reading


def read_request(body: bytes, header_length: str | None) -> InferRequest:
    """Decode the body of an infer request.

    Args:
        body: The whole body, decompressed.
        header_length: Value of the ``Inference-Header-Content-Length`` header, if any.

    Raises:
        InvalidInput: malformed; the message names the tensor or the field.
    """
    header, blobs = _split(body, header_length)
    if not isinstance(header.get("inputs"), list):
        raise InvalidInput("must be a list of tensors", field="inputs")
    parameters = _parameters(header)
    wanted: dict[str, bool] | None = None
    binary = parameters.pop("binary_data_output", False) is True
    if header.get("outputs") is not None:
        wanted = {}
        for i, output in enumerate(_objects(header["outputs"], "outputs")):
            name = _name(output, f"outputs[{i}]")
            if name in wanted:
                raise InvalidInput(f"{name!r} is asked for twice", field="outputs")
            wanted[name] = _parameters(output).get("binary_data", binary) is True
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
    dtype = _DTYPES[spec.datatype]
    if dtype.kind == "O":
        return InferRequest({spec.name: bytes_tensor(body)}, binary=True)
    shape = [1 if i == 0 and n == -1 else n for i, n in enumerate(spec.shape)]
    if shape.count(-1) > 1:
        raise InvalidInput("a raw request fits one variable dimension", field=spec.name)
    if -1 in shape:
        known = -math.prod(shape) * dtype.itemsize
        shape[shape.index(-1)] = len(body) // known if known else 0
    blob = memoryview(body)
    return InferRequest({spec.name: _from_blob(blob, spec.name, dtype, tuple(shape))}, binary=True)


def read_response(body: bytes, header_length: str | None) -> InferResult:
    """Decode the body of an infer response. Raises StageFailed when it is malformed."""
    try:
        header, blobs = _split(body, header_length)
        outputs = _read_tensors(_objects(header.get("outputs"), "outputs"), blobs)
        return InferResult(outputs, _parameters(header))
    except InvalidInput as error:
        raise StageFailed(f"malformed answer: {error.message}") from None


def read_error(body: bytes) -> str:
    """The message of an error response, whatever its shape."""
    try:
        decoded = orjson.loads(body)
    except orjson.JSONDecodeError:
        decoded = None
    if isinstance(decoded, dict) and isinstance(decoded.get("error"), str):
        return str(decoded["error"])
    return bytes(body[:200]).decode("utf-8", "replace").strip() or "no message"


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
    try:
        header = orjson.loads(view[:length])
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise InvalidInput(f"is not valid JSON ({error})", field="body") from None
    if not isinstance(header, dict):
        raise InvalidInput("must be a JSON object", field="body")
    return header, view[length:]


def _objects(value: object, where: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise InvalidInput("must be a list of objects", field=where)
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
    for key, value in parameters.items():
        if not isinstance(value, str | int | float | bool):
            raise InvalidInput("must be a string, a number or a boolean", field=f"parameters.{key}")
    return dict(parameters)


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
            arrays[name] = _from_json(tensor, name, dtype, shape)
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
        arrays[name] = _from_blob(blobs[offset : offset + size], name, dtype, shape)
        offset += size
    if offset != len(blobs):
        raise InvalidInput(f"{len(blobs) - offset} bytes are left after the last tensor")
    return arrays


def _dtype(tensor: dict[str, Any], name: str) -> np.dtype[Any]:
    datatype = tensor.get("datatype")
    if not isinstance(datatype, str) or datatype not in _DTYPES:
        raise InvalidInput(f"has datatype {datatype!r}; known are {', '.join(_DTYPES)}", field=name)
    return _DTYPES[datatype]


def _shape(tensor: dict[str, Any], name: str) -> tuple[int, ...]:
    shape = tensor.get("shape")
    valid = isinstance(shape, list) and all(
        isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in shape
    )
    if not valid or not isinstance(shape, list) or len(shape) > MAX_RANK:
        raise InvalidInput("shape must be a list of non-negative whole numbers", field=name)
    if math.prod(n or 1 for n in shape) >= MAX_ELEMENTS:
        raise InvalidInput(f"shape {shape} is beyond any tensor", field=name)
    return tuple(shape)


def _from_blob(
    blob: memoryview, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> NDArray[Any]:
    count = math.prod(shape)
    if dtype.kind == "O":
        elements = _split_bytes(blob, name)
        if len(elements) != count:
            raise InvalidInput(
                f"holds {len(elements)} elements, its shape {list(shape)} wants {count}", field=name
            )
        return bytes_tensor(*elements).reshape(shape)
    if len(blob) != count * dtype.itemsize:
        raise InvalidInput(
            f"holds {len(blob)} bytes, its shape {list(shape)} wants {count * dtype.itemsize}",
            field=name,
        )
    if dtype == np.bool_:  # any other byte would make an invalid numpy boolean
        flags: NDArray[np.bool_] = np.frombuffer(blob, np.uint8).reshape(shape) != 0
        return flags
    return np.frombuffer(blob, dtype).reshape(shape)


def _split_bytes(blob: memoryview, name: str) -> list[bytes]:
    elements = []
    offset = 0
    while offset < len(blob):
        size = int.from_bytes(blob[offset : offset + 4], "little")
        end = offset + 4 + size
        if end > len(blob):
            raise InvalidInput("a BYTES element is longer than the tensor", field=name)
        elements.append(bytes(blob[offset + 4 : end]))
        offset = end
    return elements


def _from_json(
    tensor: dict[str, Any], name: str, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> NDArray[Any]:
    if "data" not in tensor:
        raise InvalidInput("has neither data nor binary_data_size", field=name)
    if dtype == np.float16:
        raise InvalidInput("FP16 travels as binary data only", field=name)
    data = tensor["data"]
    if not isinstance(data, list):
        raise InvalidInput("data must be a list", field=name)
    if dtype.kind == "O":
        return _bytes_from_json(data, name, shape)
    try:
        array = np.asarray(data)
    except ValueError:
        raise InvalidInput("data is ragged", field=name) from None
    if (
        array.size
        and array.dtype.kind not in {"b": "b", "u": "iu", "i": "iu", "f": "iuf"}[dtype.kind]
    ):
        raise InvalidInput(f"data does not fit the datatype {tensor['datatype']}", field=name)
    if array.size and dtype.kind in "iu":
        limits = np.iinfo(dtype)
        if int(array.min()) < limits.min or int(array.max()) > limits.max:
            raise InvalidInput(f"a value is outside {tensor['datatype']}", field=name)
    if array.size != math.prod(shape):
        raise InvalidInput(
            f"holds {array.size} values, its shape {list(shape)} wants {math.prod(shape)}",
            field=name,
        )
    return array.astype(dtype).reshape(shape)


def _bytes_from_json(data: list[Any], name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    flat = data
    while flat and isinstance(flat[0], list):
        if not all(isinstance(item, list) for item in flat):
            raise InvalidInput("data is ragged", field=name)
        flat = [element for item in flat for element in item]
    if not all(isinstance(element, str) for element in flat):
        raise InvalidInput("elements of a BYTES tensor must be strings in JSON", field=name)
    if len(flat) != math.prod(shape):
        raise InvalidInput(
            f"holds {len(flat)} values, its shape {list(shape)} wants {math.prod(shape)}",
            field=name,
        )
    return bytes_tensor(*flat).reshape(shape)


# Writing


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
            blob = _to_blob(tensor)
            entry["parameters"] = {"binary_data_size": len(blob)}
            blobs.append(blob)
        elif tensor.dtype.kind == "O":
            entry["data"] = [_as_text(name, element) for element in tensor.ravel()]
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


def _to_blob(tensor: NDArray[Any]) -> bytes | memoryview:
    if tensor.dtype.kind == "O":
        parts = []
        for element in tensor.ravel():
            parts += [len(element).to_bytes(4, "little"), element]
        return b"".join(parts)
    contiguous = np.ascontiguousarray(tensor, dtype=tensor.dtype.newbyteorder("<"))
    return contiguous.reshape(-1).view(np.uint8).data


def _as_text(name: str, element: bytes) -> str:
    try:
        return element.decode()
    except UnicodeDecodeError:
        raise InvalidInput(
            "holds bytes that are not text; ask for it as binary data", field=name
        ) from None
