"""Appends decoding to a network as ONNX operators, so that any ONNX server can be a stage.

The graphs compute the same as the adapters of ``podium.models``, with the thresholds of the
manifest as constants. They are written in ONNX's text form.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.compose import add_prefix, merge_models

from podium.errors import InvalidInput
from podium.models.manifest import Manifest
from podium.networks.onnx_export import OPSET
from podium.networks.yolox import STRIDES_PX

_MAX_LOG_SIZE = 20.0
"""Limits sizes to about 10^10 px, so that float32 does not overflow."""

_DETECTIONS = """
detections (float[N, cells, values] output)
    => (float[K, 4] boxes, float[K] scores, int64[K] image_index)
{
    offset, log_size, object, person, others = Split <axis = 2> (output, columns)
    moved = Add (offset, grid)
    center = Mul (moved, stride)
    bounded = Min (log_size, max_log_size)
    factor = Exp (bounded)
    half_factor = Mul (factor, half)
    half_size = Mul (half_factor, stride)
    low = Sub (center, half_size)
    high = Add (center, half_size)
    corners = Concat <axis = 2> (low, high)
    certainty = Mul (object, person)
    by_class = Transpose <perm = [0, 2, 1]> (certainty)
    kept = NonMaxSuppression (corners, by_class, most, max_iou, below_score)
    image_and_cell = Gather <axis = 1> (kept, first_and_last)
    from_corner = GatherND (corners, image_and_cell)
    boxes = Sub (from_corner, half)
    kept_scores = GatherND (certainty, image_and_cell)
    scores = Squeeze (kept_scores, last)
    image_index = Gather <axis = 1> (kept, first)
}
"""

_KEYPOINTS = """
keypoints (float[N, J, rows, columns] heatmaps) => (float[N, J, 3] keypoints, float[N] presence)
{
    flat = Reshape (heatmaps, flat_shape)
    highest = ArgMax <axis = 2, keepdims = 1> (flat)
    height = GatherElements <axis = 2> (flat, highest)
    positive = Greater (height, zero)
    cell = Where (positive, highest, zero_cell)
    y = Div (cell, width)
    x = Mod (cell, width)

    after_left = Greater (x, one_cell)
    before_right = Less (x, last_column)
    below_top = Greater (y, one_cell)
    above_bottom = Less (y, last_row)
    across = And (after_left, before_right)
    down = And (below_top, above_bottom)
    inner = And (across, down)

    around = Add (cell, neighbours)
    inside = Clip (around, zero_cell, last_cell)
    values = GatherElements <axis = 2> (flat, inside)
    left_up, right_down = Split <axis = 2, num_outputs = 2> (values)
    slope = Sub (right_down, left_up)
    direction = Sign (slope)
    quarter_step = Mul (direction, quarter)
    step = Where (inner, quarter_step, zero)
    place = Concat <axis = 2> (x, y)
    cells = Cast <to = 1> (place)
    stepped = Add (cells, step)
    xy = Mul (stepped, px_per_cell)
    score = Clip (height, zero, one)
    keypoints = Concat <axis = 2> (xy, score)

    scores = Squeeze (score, last)
    seen = Greater (scores, min_seen)
    counted = Where (seen, scores, zero)
    total = ReduceSum <keepdims = 0> (counted, joints_axis)
    ones = Cast <to = 1> (seen)
    count = ReduceSum <keepdims = 0> (ones, joints_axis)
    divisor = Max (count, one)
    presence = Div (total, divisor)
}
"""


def end_to_end(model: onnx.ModelProto, manifest: Manifest) -> onnx.ModelProto:
    """Append decoding to an exported network.

    A ``yolox`` gets ``boxes`` FP32[K, 4], ``scores`` FP32[K] and ``image_index`` INT64[K], by
    image and descending score; an ``hrnet`` gets ``keypoints`` FP32[N, J, 3] and ``presence``
    FP32[N], with the quarter offset.

    Args:
        model: A graph from ``to_onnx``.
        manifest: Its manifest; the thresholds become part of the graph.

    Raises:
        InvalidInput: there is no decoding for this family.
    """
    output = model.graph.output[0]
    shape = [size.dim_value for size in output.type.tensor_type.shape.dim]
    if manifest.family == "yolox":
        decoding = _graph(_DETECTIONS, model, _detection_constants(manifest, shape[2]))
    elif manifest.family == "hrnet":
        decoding = _graph(_KEYPOINTS, model, _keypoint_constants(manifest, *shape[2:]))
    else:
        raise InvalidInput(
            "is for yolox and hrnet; 3dmppe needs boxes and intrinsics besides the pictures",
            field="end to end",
        )
    joined = merge_models(model, decoding, io_map=[(output.name, output.name)])
    joined.graph.name = model.graph.name
    joined.producer_name = model.producer_name
    onnx.checker.check_model(joined, full_check=True)
    return joined


def _graph(text: str, model: onnx.ModelProto, constants: dict[str, Any]) -> onnx.ModelProto:
    header = f'<ir_version: {model.ir_version}, opset_import: ["": {OPSET}]>'
    graph = onnx.parser.parse_model(header + text)
    graph.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
    )
    # The exporter may have used the same names.
    return add_prefix(graph, "decoding_", rename_inputs=False, rename_outputs=False)


def _detection_constants(manifest: Manifest, values: int) -> dict[str, Any]:
    size_px = manifest.input.width
    grids, strides = [], []
    for stride in STRIDES_PX:
        y, x = np.indices((size_px // stride,) * 2, np.float32)
        grids.append(np.stack([x, y], axis=-1).reshape(-1, 2))
        strides.append(np.full((len(grids[-1]), 1), stride, np.float32))
    score = np.float32(manifest.thresholds["score"])
    return {
        "columns": _int64(2, 2, 1, 1, values - 6),
        "grid": np.concatenate(grids),
        "stride": np.concatenate(strides),
        "max_log_size": np.float32(_MAX_LOG_SIZE),
        "half": np.float32(0.5),  # half a size; and half a pixel, from its corner to its centre
        "most": _int64(sum(map(len, grids))),
        "max_iou": np.array([manifest.thresholds["iou"]], np.float32),
        # The operator keeps scores above the limit; a score equal to the threshold counts, too.
        "below_score": np.nextafter(score, np.float32(-1))[None],
        "first_and_last": _int64(0, 2),
        "first": np.int64(0),
        "last": _int64(-1),
    }


def _keypoint_constants(manifest: Manifest, rows: int, columns: int) -> dict[str, Any]:
    size = manifest.input
    return {
        "flat_shape": _int64(0, 0, -1),
        "zero": np.float32(0),
        "one": np.float32(1),
        "quarter": np.float32(0.25),
        "min_seen": np.float32(0.2),
        "zero_cell": np.int64(0),
        "one_cell": np.int64(1),
        "width": np.int64(columns),
        "last_column": np.int64(columns - 1),
        "last_row": np.int64(rows - 1),
        "last_cell": np.int64(rows * columns - 1),
        "neighbours": _int64(-1, -columns, 1, columns),  # left, up, right, down
        "px_per_cell": np.array([size.width / columns, size.height / rows], np.float32),
        "last": _int64(-1),
        "joints_axis": _int64(1),
    }


def _int64(*values: int) -> NDArray[np.int64]:
    return np.array(values, np.int64)
