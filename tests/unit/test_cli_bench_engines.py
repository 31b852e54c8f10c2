"""``podium models throughput``: its figures, and engines that compute something else."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from podium.cli import bench_engines, cli
from podium.engines.onnx_runtime import OnnxRuntimeSession
from podium.engines.options import EngineOptions
from podium.errors import SetupError

CALL_S = 0.05
SMALL = Path(__file__).parent.parent / "models"


def throughput(*arguments: str | Path) -> str:
    command = ["models", "throughput", "--repository", str(SMALL), *map(str, arguments)]
    return CliRunner().invoke(cli, command, catch_exceptions=False).stdout


def test_the_figures_of_small_models(tmp_path: Path) -> None:
    file = tmp_path / "throughput.json"
    batches = ("--batch", "1", "--batch", "5")
    said = throughput("hrnet", "3dmppe", *batches, "--seconds", "0.2", "--json", file)
    assert "hrnet@1" in said
    found = json.loads(file.read_text())
    assert [(each["model"], each["batch"]) for each in found] == [
        ("hrnet@1", 1),
        ("hrnet@1", 5),
        ("3dmppe@1", 1),
        ("3dmppe@1", 5),
    ]
    for each in found:
        assert (each["provider"], each["precision"]) == ("cpu", "fp32")
        assert each["difference"] < 1e-5, "a batch in one call, or row by row"


class Slow(OnnxRuntimeSession):
    """Takes the same time for every call, beside which that of a small model does not count."""

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        time.sleep(CALL_S)
        return super().run(feeds)


def test_images_per_second_are_those_of_the_calls(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bench_engines, "open_session", Slow)
    file = tmp_path / "throughput.json"
    throughput("hrnet", "--batch", "1", "--batch", "5", "--seconds", "0.5", "--json", file)
    for each in json.loads(file.read_text()):
        assert each["ms_per_call"] == pytest.approx(CALL_S * 1e3, rel=0.3)
        assert each["images_per_s"] == pytest.approx(each["batch"] / CALL_S, rel=0.3)
        assert each["images_per_s_two_callers"] == pytest.approx(
            2 * each["batch"] / CALL_S, rel=0.3
        )


class Wrong(OnnxRuntimeSession):
    """Computes something else in whole batches."""

    def __init__(self, weights: Path, options: EngineOptions) -> None:
        super().__init__(weights, options)
        self._error = np.nan if options.max_rows == 3 else 0.01 * (options.max_rows - 1)

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        return {name: values + self._error for name, values in super().run(feeds).items()}


def test_what_differs_from_the_processor_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_engines, "open_session", Wrong)
    batches = ("--batch", "1", "--batch", "2", "--batch", "3")
    with pytest.raises(SetupError) as raised:
        throughput("hrnet", *batches, "--seconds", "0")
    assert raised.value.message == (
        "differ from the processor by more than rounding: hrnet@1 at batch 2, hrnet@1 at batch 3"
    )


def test_a_card_that_is_not_there() -> None:
    with pytest.raises(SetupError, match="provider cuda: "):
        throughput("hrnet", "--provider", "cuda")
