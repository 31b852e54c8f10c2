"""The elements of one tensor, as a binary blob or as JSON."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from podium.errors import InvalidInput, TooLarge
from podium.wire.tensors import bytes_tensor

MAX_BYTES_ELEMENTS = 1 << 16
"""Limit of the elements of a BYTES tensor: each is a Python object."""


def from_blob(
    blob: memoryview, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> NDArray[Any]:
    """A view of the blob as an array. Raises InvalidInput unless its size fits the shape."""
    count = math.prod(shape)
    if dtype.kind == "O":
        _check_count(count, name)
        elements = _split_bytes(blob, name, count)
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
    if dtype.kind == "b":  # any other byte would make an invalid numpy boolean
        flags: NDArray[np.bool_] = np.frombuffer(blob, np.uint8).reshape(shape) != 0
        return flags
    return np.frombuffer(blob, dtype).reshape(shape)


def _check_count(count: int, name: str) -> None:
    if count > MAX_BYTES_ELEMENTS:
        raise TooLarge(f"has more than {MAX_BYTES_ELEMENTS} elements of type BYTES", field=name)


def _split_bytes(blob: memoryview, name: str, count: int) -> list[bytes]:
    elements: list[bytes] = []
    offset = 0
    while offset < len(blob):
        if len(elements) == count:
            raise InvalidInput(f"holds more than the {count} elements of its shape", field=name)
        size = int.from_bytes(blob[offset : offset + 4], "little")
        end = offset + 4 + size
        if end > len(blob):
            raise InvalidInput("a BYTES element is longer than the tensor", field=name)
        elements.append(bytes(blob[offset + 4 : end]))
        offset = end
    return elements


def from_json(
    tensor: dict[str, Any], name: str, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> NDArray[Any]:
    """The array in ``data`` of a tensor's JSON. Raises InvalidInput unless it fits the type."""
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
    if dtype == np.uint64 and array.dtype == np.float64:  # numpy has no other type for both halves
        whole = np.asarray(data, object)
        if all(type(value) is int and 0 <= value < 1 << 64 for value in whole.flat):
            array = whole.astype(np.uint64)
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
    _check_count(math.prod(shape), name)
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


def to_blob(tensor: NDArray[Any]) -> bytes | memoryview:
    """The elements in little-endian order; a view of the array where it lies so already."""
    if tensor.dtype.kind == "O":
        parts = []
        for element in tensor.ravel():
            parts += [len(element).to_bytes(4, "little"), element]
        return b"".join(parts)
    contiguous = np.ascontiguousarray(tensor, dtype=tensor.dtype.newbyteorder("<"))
    return contiguous.reshape(-1).view(np.uint8).data


def as_text(name: str, element: bytes) -> str:
    """A BYTES element for JSON. Raises InvalidInput where it is not UTF-8."""
    try:
        return element.decode()
    except UnicodeDecodeError:
        raise InvalidInput(
            "holds bytes that are not text; ask for it as binary data", field=name
        ) from None
