"""A network as an ONNX graph, and the proof that the graph computes the same."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

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
"""Largest difference allowed between torch and ONNX, as ``Difference.scaled`` measures it."""

_MOST_ROUNDING = 0.1


def to_onnx(export: Export, precision: Precision = "fp32") -> onnx.ModelProto:
    """Write the graph: ``images`` UINT8[N, H, W, 3] RGB in, the outputs of the export in FP32 out.

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
        assert program is not None  # noqa: S101 - as dynamo=True has it
        model: onnx.ModelProto = onnxslim.slim(program.model_proto)
    _strip(model, export.manifest.name)
    onnx.checker.check_model(model, full_check=True)
    return model


@dataclass(frozen=True, slots=True)
class Difference:
    """How far a file is from torch in FP32, in one output at one batch size."""

    output: str
    batch: int
    max_abs: float
    magnitude: float
    """Largest absolute value of the output in torch."""

    rounding: float = 0.0
    """How far torch itself is from FP32 when it computes with the precision of the graph; only
    measured where ``max_abs`` is over the tolerance."""

    @property
    def scaled(self) -> float:
        """``max_abs``, and for outputs larger than 1 their share that differs.

        Rounding grows with what is rounded: coordinates of 0 to 63 cells behind trained layers
        already differ by 4e-4 between FP32 and FP64 in torch alone.
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
    """Run torch (FP32, nothing folded) and the file in its engine on the same random pixels."""
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
            if precision == "fp16" and not difference.scaled < TOLERANCE[precision]:
                rounded = Served(export.network, export.pixels, precision=precision)
                own = _in_torch(rounded, images)[row]
                difference = replace(difference, rounding=float(np.abs(own - wanted).max()))
            yield difference


def require_parity(difference: Difference, precision: Precision) -> None:
    """Refuse a graph that computes something else.

    Half precision may cost a trained network more than the tolerance. Then the graph may differ
    twice as much as torch does when it rounds as often, and by a tenth of the output at most.

    Raises:
        SetupError: the difference is larger, or is no number.
    """
    scale = max(1.0, difference.magnitude)
    by_rounding = min(2 * difference.rounding / scale, _MOST_ROUNDING)
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
    """Leave out what only the exporter wanted to know."""
    model.producer_name, model.producer_version = "podium", ""
    model.graph.name, model.graph.doc_string = name, ""
    del model.graph.value_info[:], model.metadata_props[:], model.graph.metadata_props[:]
    for part in (*model.graph.input, *model.graph.output, *model.graph.node):
        del part.metadata_props[:]
        part.doc_string = ""


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the exporter says of its own internals off the screen."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logger.setLevel(level)
