"""A network as a program of ``torch.export``, for services that run the torch engine."""

from __future__ import annotations

import io
import json

import torch

from podium.engines.pt2_program import OUTPUT_NAMES
from podium.networks.families import Export
from podium.networks.served import Precision, Served

_MAX_ROWS = 1024
"""Per call; a torch program says how many rows it takes."""


def to_program(export: Export, precision: Precision = "fp32") -> bytes:
    """The content of a ``.pt2`` file: ``images`` UINT8[N, H, W, 3] RGB in, outputs in FP32 out."""
    size = export.manifest.input
    module = Served(export.network, export.pixels, precision=precision, folded=True)
    example = torch.zeros((2, size.height, size.width, 3), dtype=torch.uint8)
    rows = torch.export.Dim("N", min=1, max=_MAX_ROWS)
    program = torch.export.export(module, (example,), dynamic_shapes={"images": {0: rows}})
    names = json.dumps(list(export.outputs))
    file = io.BytesIO()
    torch.export.save(program, file, extra_files={OUTPUT_NAMES: names})
    return file.getvalue()
