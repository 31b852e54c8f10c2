"""``podium models throughput``: its figures, and engines that compute something else."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

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
    """Takes a while for every call, and notes when it began, when it ended and who called."""

    opened: ClassVar[list[Slow]] = []

    def __init__(self, weights: Path, options: EngineOptions) -> None:
        super().__init__(weights, options)
        self.calls: list[tuple[float, float, bool]] = []
        self.opened.append(self)

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        started = time.perf_counter()
        time.sleep(CALL_S)
        found = super().run(feeds)
        alone = threading.current_thread() is threading.main_thread()
        self.calls.append((started, time.perf_counter(), alone))
        return found


def test_images_per_second_are_those_of_the_calls(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bench_engines, "open_session", Slow)
    monkeypatch.setattr(Slow, "opened", [])
    file = tmp_path / "throughput.json"
    throughput("hrnet", "--batch", "1", "--batch", "5", "--seconds", "0.5", "--json", file)
    sessions = Slow.opened[::2]  # the others compute what is compared with
    for each, session in zip(json.loads(file.read_text()), sessions, strict=True):
        compared, *alone = (end - start for start, end, alone in session.calls if alone)
        two = [(start, end) for start, end, alone in session.calls if not alone]
        two_s = max(end for _, end in two) - min(start for start, _ in two)
        assert compared >= CALL_S
        assert each["ms_per_call"] == pytest.approx(np.median(alone) * 1e3, rel=0.1)
        assert each["images_per_s"] == pytest.approx(each["batch"] / np.mean(alone), rel=0.1)
        assert each["images_per_s_two_callers"] == pytest.approx(
            each["batch"] * len(two) / two_s, rel=0.3
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
