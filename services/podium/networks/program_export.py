"""A network as a program of ``torch.export``, for services that run the torch engine."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from podium.engines.pt2_program import OUTPUT_NAMES
from podium.networks.families import Export
from podium.networks.served import Precision, Served

_MAX_ROWS = 1024


def save_program(export: Export, path: Path, precision: Precision = "fp32") -> None:
    """Write a ``.pt2`` file: ``images`` UINT8[N, H, W, 3] RGB in, the outputs in FP32 out."""
    size = export.manifest.input
    module = Served(export.network, export.pixels, precision=precision, folded=True)
    example = torch.zeros((2, size.height, size.width, 3), dtype=torch.uint8)
    rows = torch.export.Dim("N", min=1, max=_MAX_ROWS)
    program = torch.export.export(module, (example,), dynamic_shapes={"images": {0: rows}})
    names = json.dumps(list(export.outputs))
    torch.export.save(program, path, extra_files={OUTPUT_NAMES: names})
