"""``podium models bench``: the keys of its files and the sense of its figures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


def test_what_a_network_costs(model_repository: Path, tmp_path: Path) -> None:
    json_file, page, plot = (tmp_path / name for name in ("n.json", "n.md", "n.svg"))
    files = ["--json", json_file, "--markdown", page, "--plot", plot]
    arguments = ["blazepose-detector", "--repository", model_repository, "--batch", "2"]
    command = [sys.executable, "-m", "podium", "models", "bench", *arguments, *files]
    subprocess.run([*command, "--rounds", "2", "--seconds", "0"], check=True, capture_output=True)

    found = json.loads(json_file.read_text())
    assert found["format"] == "podium-networks/1"
    assert found["machine"]["cores"] >= 1
    (result,) = found["results"]
    assert (result["model"], result["batch"]) == ("blazepose-detector@1", 2)
    assert result["input"] == [224, 224]
    assert len(result["rounds"]) == 2
    for way in ("podium", "bare", "bare_batch"):
        cost = result[way]
        assert cost["cpu_ms"] > 0
        assert cost["gflop_per_s"] == pytest.approx(result["gflop"] / cost["wall_ms"] * 1e3, 0.01)
    assert "| blazepose-detector@1 |" in page.read_text()
    assert plot.read_text().startswith("<?xml")


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "podium", "models", "bench", "--repository", tmp_path]
    for name in ([], ["hrnet"]):
        answer = subprocess.run([*command, *name], check=False, capture_output=True, text=True)
        assert answer.returncode == 1
        assert "holds no model" in answer.stderr
