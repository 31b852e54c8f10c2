"""Exports a network as an ONNX graph, and checks that the graph computes the same."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
import onnx
import onnxslim
import torch

from podium.engines.opening import open_session
from podium.engines.options import EngineOptions
from podium.errors import SetupError
from podium.networks.families import Export
from podium.networks.served import Precision, Served
from podium.types import Float32, UInt8

OPSET = 18
TOLERANCE: Mapping[Precision, float] = MappingProxyType({"fp32": 1e-4, "fp16": 1e-2})
"""Largest allowed difference between torch and ONNX, in terms of ``Difference.scaled``."""

_NEXT_TO: Mapping[Precision, Literal["fp64", "fp16"]] = {"fp32": "fp64", "fp16": "fp16"}
_ROUNDINGS: Mapping[Precision, float] = MappingProxyType({"fp32": 10, "fp16": 2})
_MOST_ROUNDING: Mapping[Precision, float] = MappingProxyType({"fp32": 1e-3, "fp16": 0.1})


def to_onnx(export: Export, precision: Precision = "fp32") -> onnx.ModelProto:
    """Make the graph: input ``images`` UINT8[N, H, W, 3] RGB, outputs of the export in FP32.

    Batch normalisations are folded into convolutions and the graph is simplified.
    """
    size = export.manifest.input
    module = Served(export.network, export.pixels, precision=precision, folded=True)
    example = torch.zeros((2, size.height, size.width, 3), dtype=torch.uint8)
    with _quiet():
        program = torch.onnx.export(
            module,
            (example,),
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=["images"],
            output_names=list(export.outputs),
            dynamic_shapes={"images": {0: torch.export.Dim("N")}},
        )
        assert program is not None  # noqa: S101 - dynamo=True returns a program
        model: onnx.ModelProto = onnxslim.slim(program.model_proto)
    _strip(model, export.manifest.name)
    onnx.checker.check_model(model, full_check=True)
    return model


@dataclass(frozen=True, slots=True)
class Difference:
    """Difference of a file from torch, for one output and batch size.

    From torch in FP32. Where that is over the tolerance, what rounding explains is measured: an
    FP32 file is then compared with torch in FP64.
    """

    output: str
    batch: int
    max_abs: float
    magnitude: float
    """Largest absolute value of the output in torch."""

    rounding: float = 0.0
    """Difference of torch itself in the precision of the graph from the next higher precision,
    FP32 or FP64; only measured if ``max_abs`` is over the tolerance."""

    @property
    def scaled(self) -> float:
        """``max_abs``; relative to ``magnitude`` for outputs larger than 1.

        Rounding errors grow with the values: coordinates of 0 to 63 cells after trained layers
        differ by 4e-4 between FP32 and FP64 even within torch.
        """
        return self.max_abs / max(1.0, self.magnitude)


def compare(
    export: Export,
    weights: Path,
    precision: Precision = "fp32",
    *,
    batches: Sequence[int] = (1, 3),
    seed: int = 0,
) -> Iterator[Difference]:
    """Run torch (FP32, not folded) and the file in its engine on the same random pixels."""
    size = export.manifest.input
    reference = Served(export.network, export.pixels)
    session = open_session(weights, EngineOptions(max_rows=max(batches)))
    random = np.random.default_rng(seed)
    for batch in batches:
        images = random.integers(0, 256, (batch, size.height, size.width, 3), np.uint8)
        expected = _in_torch(reference, images)
        found = session.run({"images": images})
        for row, (name, wanted) in enumerate(zip(export.outputs, expected, strict=True)):
            difference = Difference(
                name,
                batch,
                max_abs=float(np.abs(found[name] - wanted).max()),
                magnitude=float(np.abs(wanted).max()),
            )
            if not difference.scaled < TOLERANCE[precision]:
                next_to = Served(export.network, export.pixels, precision=_NEXT_TO[precision])
                other = _in_torch(next_to, images)[row]
                exact = other if precision == "fp32" else wanted
                difference = replace(
                    difference,
                    max_abs=float(np.abs(found[name] - exact).max()),
                    rounding=float(np.abs(other - wanted).max()),
                )
            yield difference


def require_parity(difference: Difference, precision: Precision) -> None:
    """Refuse a graph whose results differ too much.

    A network may exceed the tolerance because it amplifies rounding, as channels do that hardly
    vary in training. Then the graph may differ by ten times the rounding of torch in FP32 and by
    a thousandth of the output, or by twice that of torch in FP16 and by a tenth of the output.

    Raises:
        SetupError: the difference is larger, or is NaN.
    """
    scale = max(1.0, difference.magnitude)
    by_rounding = min(
        _ROUNDINGS[precision] * difference.rounding / scale, _MOST_ROUNDING[precision]
    )
    limit = max(TOLERANCE[precision], by_rounding)
    if not difference.scaled < limit:
        raise SetupError(
            f"the exported file differs from torch by {difference.max_abs:.2g} in "
            f"{difference.output}, where values reach {difference.magnitude:.2g}; at most "
            f"{limit * scale:.2g} is allowed. Nothing was written"
        )


def _in_torch(module: Served, images: UInt8) -> list[Float32]:
    with torch.inference_mode():
        return [output.numpy() for output in module(torch.from_numpy(images))]


def _strip(model: onnx.ModelProto, name: str) -> None:
    """Remove the metadata of the exporter."""
    model.producer_name, model.producer_version = "podium", ""
    model.graph.name, model.graph.doc_string = name, ""
    del model.graph.value_info[:], model.metadata_props[:], model.graph.metadata_props[:]
    for part in (*model.graph.input, *model.graph.output, *model.graph.node):
        del part.metadata_props[:]
        part.doc_string = ""


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the exporter's output about its internals."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logger.setLevel(level)
