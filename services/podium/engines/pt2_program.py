"""A program of ``torch.export`` read as data: a list of known operators and raw weights.

``torch.export.load`` unpickles what the archive holds, looks up functions by any dotted name and
evaluates expressions, so a file could run whatever it likes. The archive is also plain data: JSON
for the graph, raw bytes for the weights. This module reads only those, and builds a graph from
operators that are on its list; anything else in a file is ignored or refused, nothing is
unpickled. Source: ``torch/_export/serde/schema.py``, schema version 8, and
``torch/export/pt2_archive/constants.py``.
"""

from __future__ import annotations

import json
import math
import operator
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch._ops import OpOverload

from podium.errors import SetupError

OUTPUT_NAMES = "outputs.json"
"""The extra file of an archive that names its outputs: a JSON list."""

_SCHEMA_MAJOR = 8
_MAX_JSON_BYTES = 64 << 20
_MAX_WEIGHT_BYTES = 4 << 30

_OPERATORS = frozenset(
    (
        "add arange avg_pool2d batch_norm cat chunk clamp clone contiguous conv2d conv_transpose2d "
        "div exp expand flatten flip hardsigmoid hardswish leaky_relu linear matmul max_pool2d "
        "mean mul permute relu reshape select sigmoid silu slice softmax split stack sub sum "
        "sym_size to transpose unsqueeze upsample_bilinear2d upsample_nearest2d view"
    ).split()
)
_LEFT_OUT = frozenset({"_assert_tensor_metadata", "_assert_scalar"})
"""Checks of the exporter's own; they name the device that it ran on."""

_ON_SIZES: Mapping[str, Callable[..., Any]] = {
    f"_operator.{name}": getattr(operator, name)
    for name in ("add", "sub", "mul", "floordiv", "ge", "le", "eq")
}
_PLAIN = ("as_int", "as_ints", "as_float", "as_floats", "as_bool", "as_bools", "as_string")
_NAMED = ("as_tensor", "as_sym_int", "as_sym_float", "as_sym_bool")
_FIXED = ("as_none", "as_device", "as_layout")

# The numbers of torch's own schema.
_DTYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
    13: torch.bfloat16,
}


class Program:
    """What a file says.

    Args:
        path: The ``.pt2`` file.
        device: Where tensors that the graph itself makes are to be.

    Attributes:
        module: The graph, its weights as buffers; takes and gives tuples of tensors.
        inputs: Name, element type and shape of each; -1 is a variable dimension.
        outputs: Likewise.

    Raises:
        SetupError: it is damaged, or holds what is not on the list; the message names it.
    """

    module: fx.GraphModule
    inputs: list[tuple[str, torch.dtype, tuple[int, ...]]]
    outputs: list[tuple[str, torch.dtype, tuple[int, ...]]]

    def __init__(self, path: Path, device: torch.device) -> None:
        self._path, self._device = path, device
        try:
            with zipfile.ZipFile(path) as archive:
                self._folder = archive.namelist()[0].partition("/")[0]
                self._read(archive)
        except (OSError, zipfile.BadZipFile, KeyError, IndexError, ValueError, TypeError) as error:
            raise SetupError(f"{path}: is not a program of torch.export: {error!r}") from error

    def _read(self, archive: zipfile.ZipFile) -> None:
        program = self._json(archive, "models/model.json")
        version = program["schema_version"]["major"]
        if version != _SCHEMA_MAJOR:
            raise SetupError(
                f"{self._path}: has schema version {version}, this Podium reads {_SCHEMA_MAJOR}; "
                "export it with the torch that the networks extra has"
            )
        graph = program["graph_module"]["graph"]
        signature = program["graph_module"]["signature"]
        tensors = self._tensors(archive)
        sizes = graph["tensor_values"]
        self.module, names = self._module(graph, signature, tensors)
        self.inputs = [(name, *_meta(sizes[name])) for name in names]
        outputs = [each["as_tensor"]["name"] for each in graph["outputs"]]
        named = self._json(archive, f"extra/{OUTPUT_NAMES}")
        self.outputs = [
            (str(name), *_meta(sizes[output])) for name, output in zip(named, outputs, strict=True)
        ]

    def _json(self, archive: zipfile.ZipFile, name: str) -> Any:
        return json.loads(self._bytes(archive, name, _MAX_JSON_BYTES))

    def _bytes(self, archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
        member = f"{self._folder}/{name}"
        if archive.getinfo(member).file_size > limit:
            raise SetupError(f"{self._path}: {member} is larger than {limit} bytes")
        return archive.read(member)

    def _tensors(self, archive: zipfile.ZipFile) -> dict[str, Tensor]:
        """Weights and constants by name, from raw bytes."""
        found = {}
        for kind in ("weights", "constants"):
            config = self._json(archive, f"data/{kind}/model_{kind}_config.json")["config"]
            for name, entry in config.items():
                if entry["use_pickle"]:
                    raise SetupError(f"{self._path}: {name} is pickled, which is never loaded")
                if not str(entry["path_name"]).isidentifier():
                    raise SetupError(f"{self._path}: {name} is stored under an odd name")
                raw = self._bytes(archive, f"data/{kind}/{entry['path_name']}", _MAX_WEIGHT_BYTES)
                found[name] = _tensor(entry["tensor_meta"], raw)
        return found

    def _module(
        self, graph: Any, signature: Any, tensors: Mapping[str, Tensor]
    ) -> tuple[fx.GraphModule, list[str]]:
        root, built = nn.Module(), fx.Graph()
        values: dict[str, fx.Node] = {}
        inputs: list[str] = []
        for number, spec in enumerate(signature["input_specs"]):
            ((kind, facts),) = spec.items()
            name = next(iter(_argument_of(facts).values()))["name"]
            if kind == "user_input":
                values[name] = built.placeholder(name)
                inputs.append(name)
                continue
            source = next(
                facts[key]
                for key in ("parameter_name", "buffer_name", "tensor_constant_name")
                if key in facts
            )
            attribute = f"tensor_{number}"
            root.register_buffer(attribute, tensors[source])
            values[name] = built.get_attr(attribute)
        for node in graph["nodes"]:
            self._add(built, node, values)
        built.output(tuple(values[each["as_tensor"]["name"]] for each in graph["outputs"]))
        return fx.GraphModule(root, built), inputs

    def _add(self, graph: fx.Graph, node: Any, values: dict[str, fx.Node]) -> None:
        target = self._function(node["target"])
        if target is None:
            return
        positional = [i for i in node["inputs"] if i.get("kind") != 2]
        named = [i for i in node["inputs"] if i.get("kind") == 2]
        made = graph.call_function(
            target,
            tuple(self._value(each["arg"], values) for each in positional),
            {each["name"]: self._value(each["arg"], values) for each in named},
        )
        for output in node["outputs"]:
            ((kind, facts),) = output.items()
            if kind == "as_tensors":
                for number, each in enumerate(facts):
                    values[each["name"]] = graph.call_function(operator.getitem, (made, number))
            elif len(node["outputs"]) > 1:
                number = node["outputs"].index(output)
                values[facts["name"]] = graph.call_function(operator.getitem, (made, number))
            else:
                values[_name(facts)] = made

    def _function(self, target: str) -> Callable[..., Any] | None:
        if target in _ON_SIZES:
            return _ON_SIZES[target]
        parts = target.split(".")
        if len(parts) == 5 and parts[:3] == ["torch", "ops", "aten"]:
            if parts[3] in _LEFT_OUT:
                return None
            found: Callable[..., Any] | None = getattr(
                getattr(torch.ops.aten, parts[3], None), parts[4], None
            )
            known: bool = parts[3] in _OPERATORS and isinstance(found, OpOverload)
            if known:
                return found
        raise SetupError(f"{self._path}: uses {target!r}, which is not on Podium's list")

    def _value(self, argument: Any, values: Mapping[str, fx.Node]) -> Any:
        ((kind, value),) = argument.items()
        if kind in _PLAIN:
            return value
        if kind in _NAMED:
            return _size(value, values)
        if kind in {"as_tensors", "as_sym_ints"}:
            return [_size(each, values) for each in value]
        if kind == "as_scalar_type":
            return _DTYPES[value]
        if kind in _FIXED:
            return {"as_none": None, "as_device": self._device, "as_layout": torch.strided}[kind]
        raise SetupError(f"{self._path}: has an argument {kind!r}, which is not on Podium's list")


def _argument_of(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """The tensor that an input specification speaks of."""
    argument: Mapping[str, Any] = facts["arg"]
    return argument if "as_tensor" in argument else {"as_tensor": argument}


def _name(facts: Mapping[str, Any]) -> str:
    return str(facts["name"] if "name" in facts else facts["as_name"])


def _size(value: Mapping[str, Any], values: Mapping[str, fx.Node]) -> Any:
    """A value of the graph by its name, or a plain number among them."""
    return value["as_int"] if "as_int" in value else values[_name(value)]


def _meta(value: Mapping[str, Any]) -> tuple[torch.dtype, tuple[int, ...]]:
    """Element type and shape; -1 is a variable dimension."""
    return _DTYPES[value["dtype"]], tuple(size.get("as_int", -1) for size in value["sizes"])


def _tensor(meta: Mapping[str, Any], raw: bytes) -> Tensor:
    dtype, shape = _meta(meta)
    strides = [stride["as_int"] for stride in meta["strides"]]
    if meta["storage_offset"]["as_int"] or min(shape, default=0) < 0:
        raise ValueError("a tensor is a part of another one")
    if math.prod(shape) * dtype.itemsize != len(raw):
        raise ValueError("a tensor has not as many bytes as its shape says")
    if not raw:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(bytearray(raw), dtype=dtype).as_strided(shape, strides).clone()
