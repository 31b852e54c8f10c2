"""``model.yaml``: what it accepts, and how it complains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from podium.errors import SetupError
from podium.models.manifest import read_manifest, write_manifest
from tests.support.model_folders import DETECTOR, POSE


def written(folder: Path, data: Any) -> Path:
    path = folder / "model.yaml"
    path.write_text(data if isinstance(data, str) else yaml.safe_dump(data))
    return path


def test_reads_a_detector_and_a_pose_model(tmp_path: Path) -> None:
    detector = read_manifest(written(tmp_path, DETECTOR))
    assert detector.letterbox is not None
    assert (detector.letterbox.anchor, detector.letterbox.fill) == ("top_left", 114)
    assert detector.input.color == "rgb"
    pose = read_manifest(written(tmp_path, POSE))
    assert pose.tasks == ("pose2d", "pose3d")
    assert pose.crop is not None
    assert pose.crop.roi_scale == 1.25


@pytest.mark.parametrize("data", [DETECTOR, POSE])
def test_what_is_written_reads_back(tmp_path: Path, data: dict[str, Any]) -> None:
    manifest = read_manifest(written(tmp_path, data))
    write_manifest(tmp_path / "copy.yaml", manifest)
    assert read_manifest(tmp_path / "copy.yaml") == manifest


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"manifest_version": 2}, "manifest_version"),
        ({"name": "../evil"}, "name"),
        ({"version": 0}, "version"),
        ({"version": "new"}, "version"),
        ({"tasks": []}, "tasks"),
        ({"tasks": ["segmentation"]}, "tasks.0"),
        ({"weights": "../../etc/passwd"}, "weights"),
        ({"weights": "/etc/passwd"}, "weights"),
        ({"sha256": "abc"}, "sha256"),
        ({"input": {"height": 224}}, "input.width"),
        ({"input": {"height": 224, "width": 192}}, "height = width"),
        ({"letterbox": {"fill": 256}}, "letterbox.fill"),
        ({"letterbox": {"anchor": "left"}}, "letterbox.anchor"),
        ({"letterbox": None}, "letterbox"),
        ({"tasks": ["pose2d"]}, "crop and skeleton"),
        ({"tasks": ["pose2d"], "crop": {}, "skeleton": "octopus8"}, "coco17"),
    ],
)
def test_names_the_file_and_the_field(tmp_path: Path, change: dict[str, Any], field: str) -> None:
    path = written(tmp_path, {**DETECTOR, **change})
    with pytest.raises(SetupError) as caught:
        read_manifest(path)
    assert caught.value.message.startswith(f"{path}: ")
    assert field in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("text", ["", "- a list", "a: [", "just words", "\x00\x01", "!!python/x 1"])
def test_what_is_no_manifest_at_all(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SetupError) as caught:
        read_manifest(path)
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message


def test_missing_and_oversized_files(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be read"):
        read_manifest(tmp_path / "model.yaml")
    with pytest.raises(SetupError, match="1 MiB"):
        read_manifest(written(tmp_path, "#" * (1 << 20) + "##"))
