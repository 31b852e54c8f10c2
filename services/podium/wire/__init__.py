"""Open Inference Protocol V2 bytes <-> named arrays; the only package that knows the format.

Sources: the OIP V2 REST specification and its binary tensor data extension. A body is a JSON
header, followed by the blobs of the tensors with ``binary_data_size``, in header order,
little-endian and without padding. ``Inference-Header-Content-Length`` is the length of the JSON.
"""

from podium.wire.messages import (
    BINARY_TYPE,
    HEADER_LENGTH,
    JSON_TYPE,
    Body,
    InferRequest,
    InferResult,
    Parameter,
    without_reserved,
)
from podium.wire.reading import read_error, read_raw, read_request, read_response
from podium.wire.tensors import DATATYPES, Tensors, TensorSpec, bytes_tensor, datatype_of
from podium.wire.writing import write_request, write_response

__all__ = [
    "BINARY_TYPE",
    "DATATYPES",
    "HEADER_LENGTH",
    "JSON_TYPE",
    "Body",
    "InferRequest",
    "InferResult",
    "Parameter",
    "TensorSpec",
    "Tensors",
    "bytes_tensor",
    "datatype_of",
    "read_error",
    "read_raw",
    "read_request",
    "read_response",
    "without_reserved",
    "write_request",
    "write_response",
]
