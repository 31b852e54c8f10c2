"""Model folders as a repository has them, with weights that are never run."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import yaml

DETECTOR: dict[str, Any] = {
    "manifest_version": 1,
    "name": "finder",
    "version": 3,
    "family": "blazepose-detector",
    "tasks": ["detection"],
    "weights": "model.onnx",
    "sha256": "a" * 64,
    "input": {"height": 224, "width": 224},
    "letterbox": {"anchor": "top_left", "fill": 114},
    "thresholds": {"score": 0.4},
    "license": "Apache-2.0",
    "source": "trained here",
}
POSE = {
    **{key: value for key, value in DETECTOR.items() if key != "letterbox"},
    "tasks": ["pose2d", "pose3d"],
    "crop": {"border": "replicate"},
    "skeleton": "coco17",
}


def add(root: Path, name: str, version: int, weights: bytes = b"weights") -> Path:
    """Write one version of a model; return its folder."""
    folder = root / name / str(version)
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(weights)
    facts = {"name": name, "version": version, "sha256": hashlib.sha256(weights).hexdigest()}
    (folder / "model.yaml").write_text(yaml.safe_dump({**DETECTOR, **facts}))
    return folder
