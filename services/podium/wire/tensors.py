"""Named arrays: their element types, and their specifications in models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from podium.errors import InvalidInput

Tensors = Mapping[str, NDArray[Any]]

DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    **{f"UINT{8 * n}": np.dtype(f"<u{n}") for n in (1, 2, 4, 8)},
    **{f"INT{8 * n}": np.dtype(f"<i{n}") for n in (1, 2, 4, 8)},
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BYTES": np.dtype(object),
}
_DATATYPES = {dtype: name for name, dtype in DTYPES.items()}
DATATYPES = tuple(DTYPES)
"""Open Inference names of the element types."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, OIP datatype and shape (-1: variable) of an input or output of a model."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    optional: bool = False
    is_row_index: bool = False  # whether it holds the input row of each output row

    def to_json(self) -> dict[str, Any]:
        """The form in model metadata."""
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}

    def zeros(self, rows: int) -> NDArray[Any]:
        """A tensor that fits: a variable first dimension is ``rows``, other variable ones are 1."""
        shape = [1 if size == -1 else size for size in self.shape]
        if self.shape and self.shape[0] == -1:
            shape[0] = rows
        return np.zeros(shape, DTYPES[self.datatype])

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


def datatype_of(array: NDArray[Any]) -> str:
    """The OIP name of an array's dtype. Raises InvalidInput for one that OIP lacks."""
    known = _DATATYPES.get(array.dtype) or _DATATYPES.get(array.dtype.newbyteorder("<"))
    if known is None:
        raise InvalidInput(f"dtype {array.dtype} has no Open Inference datatype")
    return known


def bytes_tensor(*elements: bytes | str) -> NDArray[Any]:
    """A one-dimensional BYTES tensor."""
    array = np.empty(len(elements), dtype=object)
    array[:] = [e.encode() if isinstance(e, str) else e for e in elements]
    return array


def check_tensors(model: str, specs: Iterable[TensorSpec], tensors: Tensors) -> None:
    """Raise InvalidInput if an input is missing, unknown, or has a wrong type or shape."""
    known = {spec.name: spec for spec in specs}
    for name, array in tensors.items():
        if name not in known:
            raise InvalidInput(
                f"model {model!r} has no such input; it has {', '.join(known)}", field=name
            )
        known[name].check(array)
    for name, spec in known.items():
        if not spec.optional and name not in tensors:
            raise InvalidInput(
                f"is missing; model {model!r} wants {spec.datatype} {list(spec.shape)}", field=name
            )
