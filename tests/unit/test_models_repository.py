"""The model repository: finding and verifying."""

from __future__ import annotations

from pathlib import Path

import pytest

from podium.errors import NotFound, SetupError
from podium.models.repository import ModelRepository
from tests.support.model_folders import add


def test_the_highest_version_is_the_latest(tmp_path: Path) -> None:
    for version in (2, 10, 9):
        add(tmp_path, "finder", version)
    repository = ModelRepository(tmp_path)
    assert repository.resolve("finder").reference == "finder@10"
    assert repository.resolve("finder@latest").reference == "finder@10"
    assert repository.resolve("finder@2").reference == "finder@2"
    assert repository.resolve("finder@9").verified_weights().read_bytes() == b"weights"


def test_lists_models_and_ignores_everything_else(tmp_path: Path) -> None:
    add(tmp_path, "finder", 1)
    add(tmp_path, "finder", 2)
    add(tmp_path, "another", 1)
    (tmp_path / ".pull-abc" / "finder").mkdir(parents=True)
    (tmp_path / "finder" / "latest").mkdir()
    (tmp_path / "finder" / "3").mkdir()  # no manifest: not there yet
    (tmp_path / "README.md").write_text("hello")
    found = [stored.reference for stored in ModelRepository(tmp_path).models()]
    assert found == ["another@1", "finder@1", "finder@2"]
    assert ModelRepository(tmp_path / "nowhere").models() == []


@pytest.mark.parametrize(
    "reference", ["", "..", "../finder", "finder@", "finder@newest", "finder@0", "Finder", "a/b"]
)
def test_malformed_references(tmp_path: Path, reference: str) -> None:
    add(tmp_path, "finder", 1)
    with pytest.raises(NotFound, match="name@version"):
        ModelRepository(tmp_path).resolve(reference)


def test_says_what_is_missing_and_how_to_get_it(tmp_path: Path) -> None:
    repository = ModelRepository(tmp_path)
    with pytest.raises(SetupError, match=r"'blazepose-detector'.*podium models pull blazepose"):
        repository.resolve("blazepose-detector")
    add(tmp_path, "finder", 1)
    with pytest.raises(SetupError, match=r"no version 4, only 1"):
        repository.resolve("finder@4")


def test_damaged_and_missing_weights(tmp_path: Path) -> None:
    folder = add(tmp_path, "finder", 1)
    stored = ModelRepository(tmp_path).resolve("finder")
    stored.verified_weights()
    (folder / "model.onnx").write_bytes(b"Weights!")
    with pytest.raises(SetupError, match="damaged"):
        stored.verified_weights()
    (folder / "model.onnx").unlink()
    with pytest.raises(SetupError, match="missing"):
        stored.verified_weights()


def test_a_manifest_in_the_wrong_folder(tmp_path: Path) -> None:
    add(tmp_path, "finder", 1).rename(tmp_path / "finder" / "2")
    with pytest.raises(SetupError, match="finder@1, but lies in the folder of finder@2"):
        ModelRepository(tmp_path).resolve("finder")
