"""ONNX networks of a few nodes whose outputs are known, and repositories of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from podium.engines.onnx_runtime import OnnxRuntimeSession
from podium.models.adapter import load_adapter
from podium.models.manifest import Manifest, write_manifest
from podium.models.repository import ModelRepository

_KINDS = {"nhwc": TensorProto.UINT8, "nchw": TensorProto.FLOAT}


def constant(size, outputs, layout="nhwc"):
    """A network that gives each picture the same rows, whatever it shows.

    Args:
        size: Height and width of the pictures.
        outputs: Name -> (1, ...) the row of every picture.
        layout: Of the pictures.
    """
    nodes = [
        helper.make_node("Shape", ["images"], ["rows"], start=0, end=1),
    ]
    constants = []
    for name, row in outputs.items():
        constants += [
            numpy_helper.from_array(row, f"{name}_row"),
            numpy_helper.from_array(np.array(row.shape[1:], np.int64), f"{name}_rest"),
        ]
        nodes += [
            helper.make_node("Concat", ["rows", f"{name}_rest"], [f"{name}_shape"], axis=0),
            helper.make_node("Expand", [f"{name}_row", f"{name}_shape"], [name]),
        ]
    shapes = {name: (row.dtype, row.shape[1:]) for name, row in outputs.items()}
    return _model(nodes, constants, size, shapes, layout)


def every_fourth_red_pixel(size, joints):
    """Heat maps of key points: for each of them the red channel, at a quarter of the size."""
    height, width = size
    nodes = [
        helper.make_node("Slice", ["images", "starts", "ends", "axes", "steps"], ["red"]),
        helper.make_node("Cast", ["red"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["values", "white"], ["shares"]),
        helper.make_node("Transpose", ["shares"], ["map"], perm=[0, 3, 1, 2]),
        helper.make_node("Tile", ["map", "repeats"], ["heatmaps"]),
    ]
    constants = [
        numpy_helper.from_array(np.array(value, np.int64), name)
        for name, value in {
            "starts": [0, 0, 0],
            "ends": [height, width, 1],
            "axes": [1, 2, 3],
            "steps": [4, 4, 1],
            "repeats": [1, joints, 1, 1],
        }.items()
    ]
    constants.append(numpy_helper.from_array(np.array(255, np.float32), "white"))
    shapes = {"heatmaps": (np.dtype(np.float32), (joints, height // 4, width // 4))}
    return _model(nodes, constants, size, shapes, "nhwc")


def echo(size):
    """A network of float NCHW pictures that gives them back."""
    nodes = [helper.make_node("Identity", ["images"], ["output"])]
    return _model(nodes, [], size, {"output": (np.dtype(np.float32), (3, *size))}, "nchw")


def _model(nodes, constants, size, outputs, layout):
    shape = ["N", *size, 3] if layout == "nhwc" else ["N", 3, *size]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", _KINDS[layout], shape)],
        [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(dtype), ["N", *rest]
            )
            for name, (dtype, rest) in outputs.items()
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return model


def store(repository: Path, model, family, task, size, *, name=None, layout="nhwc", **facts):
    """Put a network into a repository; gives its manifest."""
    data = model.SerializeToString()
    if task == "detection":
        facts.setdefault("letterbox", {"anchor": "top_left", "fill": 114})
    else:
        facts.setdefault("crop", {"border": "constant", "roi_scale": 1.25})
    picture = {"height": size[0], "width": size[1], "layout": layout, **facts.pop("input", {})}
    manifest = Manifest.model_validate(
        {
            "manifest_version": 1,
            "name": name or family,
            "version": 1,
            "family": family,
            "tasks": (task,),
            "weights": "model.onnx",
            "sha256": hashlib.sha256(data).hexdigest(),
            "input": picture,
            "license": "Apache-2.0",
            "source": "tests",
            **facts,
        }
    )
    folder = repository / manifest.name / "1"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(data)
    write_manifest(folder / "model.yaml", manifest)
    return manifest


def load(repository: Path, name, task):
    """The adapter of a stored model."""
    stored = ModelRepository(repository).resolve(name)
    return load_adapter(stored.manifest, stored.verified_weights(), task, OnnxRuntimeSession)
