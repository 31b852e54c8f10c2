"""A network as an ONNX graph, and the proof that the graph computes the same."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import onnx
import onnxslim
import torch

from podium.engines.onnx_runtime import OnnxRuntimeSession
from podium.engines.options import EngineOptions
from podium.errors import SetupError
from podium.networks.families import Export
from podium.networks.served import Precision, Served

OPSET = 18
TOLERANCE: Mapping[Precision, float] = MappingProxyType({"fp32": 1e-4, "fp16": 1e-2})
"""Largest difference allowed between torch and ONNX, as ``Difference.scaled`` measures it."""


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
    """How far ONNX is from torch in one output at one batch size."""

    output: str
    batch: int
    max_abs: float
    magnitude: float
    """Largest absolute value of the output in torch."""

    @property
    def scaled(self) -> float:
        """``max_abs``, and for outputs larger than 1 their share that differs.

        Rounding grows with what is rounded: coordinates of 0 to 63 cells behind trained layers
        already differ by 4e-4 between FP32 and FP64 in torch alone.
        """
        return self.max_abs / max(1.0, self.magnitude)


def compare(
    export: Export, weights: Path, *, batches: Sequence[int] = (1, 3), seed: int = 0
) -> Iterator[Difference]:
    """Run torch (FP32, nothing folded) and the file in ONNX Runtime on the same random pixels."""
    size = export.manifest.input
    reference = Served(export.network, export.pixels)
    session = OnnxRuntimeSession(weights, EngineOptions(max_rows=max(batches)))
    random = np.random.default_rng(seed)
    for batch in batches:
        images = random.integers(0, 256, (batch, size.height, size.width, 3), np.uint8)
        with torch.inference_mode():
            expected = reference(torch.from_numpy(images))
        found = session.run({"images": images})
        for name, tensor in zip(export.outputs, expected, strict=True):
            wanted = tensor.numpy()
            yield Difference(
                name,
                batch,
                max_abs=float(np.abs(found[name] - wanted).max()),
                magnitude=float(np.abs(wanted).max()),
            )


def require_parity(difference: Difference, tolerance: float) -> None:
    """Raise SetupError where a difference is over the tolerance or no number at all."""
    if not difference.scaled < tolerance:
        raise SetupError(
            f"the exported graph differs from torch by {difference.scaled:.2g} in "
            f"{difference.output} (for outputs up to {difference.magnitude:.2g}), over "
            f"{tolerance:g}; nothing was written"
        )


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
