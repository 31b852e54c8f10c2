"""Open Inference Protocol V2 bytes <-> named arrays; the only package that knows the format.

Sources: the OIP V2 REST specification and its binary tensor data extension. A body is a JSON
header, followed by the blobs of the tensors with ``binary_data_size``, in header order,
little-endian and without padding. ``Inference-Header-Content-Length`` is the length of the JSON.
"""

_PLACES = {
    "BINARY_TYPE": "messages",
    "Body": "messages",
    "DATATYPES": "tensors",
    "HEADER_LENGTH": "messages",
    "InferRequest": "messages",
    "InferResult": "messages",
    "JSON_TYPE": "messages",
    "Parameter": "messages",
    "TensorSpec": "tensors",
    "Tensors": "tensors",
    "bytes_tensor": "tensors",
    "datatype_of": "tensors",
    "read_error": "json_values",
    "read_raw": "reading",
    "read_request": "reading",
    "read_response": "reading",
    "without_reserved": "messages",
    "write_request": "writing",
    "write_response": "writing",
}
"""Name -> its module, imported at its first use: numpy takes 12 MB, and who only reads errors or
parameters does without. ``__init__.pyi`` has the types."""


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module 'podium.wire' has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(f"podium.wire.{_PLACES[name]}"), name)
    return found


def __dir__() -> list[str]:
    return [*globals(), *_PLACES]
