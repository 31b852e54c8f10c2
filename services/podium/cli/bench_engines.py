"""``podium models throughput``: how fast an engine is, and whether it agrees with the CPU."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import click
import numpy as np
import orjson
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from podium.cli.bench_models import chosen_models, models_options
from podium.cli.output_file import OutputFile
from podium.engines.opening import open_session
from podium.engines.options import EngineOptions, Provider
from podium.engines.session import Session
from podium.errors import SetupError
from podium.models.repository import StoredModel

_CALLERS = 2  # as with PODIUM_<SERVICE>_WORKERS=0 on a graphics card
_LARGEST = {"fp32": 1e-4, "fp16": 1e-2, "int8": 1e-4}
"""Allowed difference from the processor: absolute for outputs up to 1, relative above."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """Figures of one model at one batch size, from host memory to host memory."""

    model: str
    provider: Provider
    precision: str
    batch: int
    ms_per_call: float
    """Median, one call after the other."""
    images_per_s: float
    images_per_s_two_callers: float
    """With two callers: copies of one batch may overlap with the computation of the other."""
    difference: float
    """Largest difference of any output from the same file on the processor; for an output with
    values above 1, relative to the largest value."""

    @property
    def is_equal(self) -> bool:
        """Whether rounding can explain the difference."""
        return self.difference < _LARGEST[self.precision]


@click.command("throughput")
@models_options
@click.option(
    "--batch",
    "batches",
    multiple=True,
    type=click.IntRange(1, 256),
    default=(1, 8, 32),
    show_default=True,
    help="Images per call; may be repeated.",
)
@click.option(
    "--provider",
    type=click.Choice(["cpu", "cuda", "tensorrt"]),
    envvar="PODIUM_PROVIDER",
    show_envvar=True,
    default="cpu",
    show_default=True,
    help="Provider that runs the networks.",
)
@click.option("--threads", type=click.IntRange(1, 256), default=1, show_default=True)
@click.option(
    "--seconds",
    type=click.FloatRange(0, 60),
    default=3.0,
    show_default=True,
    help="Seconds per figure; each takes at least one call.",
)
@click.option("--json", "json_file", type=OutputFile())
def command(
    *,
    names: tuple[str, ...],
    repositories: tuple[Path, ...],
    batches: tuple[int, ...],
    provider: str,
    threads: int,
    seconds: float,
    json_file: Path | None,
) -> None:
    """Measure images per second of whole batches, and the difference from the processor.

    Pixels are random. The same file also runs on the processor. The exit code is 1 if outputs
    differ by more than rounding explains: 1e-4 in FP32, 1e-2 in FP16; absolute for outputs up to
    1, relative above.

    \b
    Examples:
      podium models throughput --provider cuda hrnet-w32 hrnet-w32-fp16
      PODIUM_PROVIDER=cuda podium models throughput --json throughput.json
    """  # noqa: D301 - \b is Click's mark for text that keeps its lines
    console, table = Console(), Table(box=None, pad_edge=False)
    for column in ("model", "batch", "ms", "images/s", "two callers", "from the CPU"):
        table.add_column(column, justify="left" if column == "model" else "right")
    found = []
    with console.status("") as status:
        for model in chosen_models(repositories, names):
            for batch in batches:
                status.update(f"{model.reference}, batch {batch}")
                options = EngineOptions(
                    provider=cast(Provider, provider),
                    threads=threads,
                    max_rows=batch,
                    in_flight=_CALLERS,
                )
                each = measure(model, options, batch, seconds)
                found.append(each)
                figures = (each.ms_per_call, each.images_per_s, each.images_per_s_two_callers)
                shown = (f"{figure:.1f}" for figure in figures)
                table.add_row(each.model, str(batch), *shown, f"{each.difference:.1e}")
    console.print(table)
    if json_file is not None:
        json_file.write_bytes(orjson.dumps([asdict(e) for e in found], option=orjson.OPT_INDENT_2))
    if wrong := [f"{each.model} at batch {each.batch}" for each in found if not each.is_equal]:
        raise SetupError(f"differ from the processor by more than rounding: {', '.join(wrong)}")


def measure(model: StoredModel, options: EngineOptions, batch: int, seconds: float) -> Throughput:
    """Run a model for about twice ``seconds``. Raises SetupError if it does not load."""
    weights = model.verified_weights()
    session = open_session(weights, options)
    feeds = {spec.name: _pixels(spec.datatype, (batch, *spec.shape[1:])) for spec in session.inputs}
    processor = open_session(weights, EngineOptions(threads=options.threads))
    difference = _difference(session.run(feeds), processor.run(feeds))
    durations_s = _repeat(lambda: session.run(feeds), seconds)
    return Throughput(
        model=model.reference,
        provider=options.provider,
        precision=model.manifest.precision,
        batch=batch,
        ms_per_call=float(np.median(durations_s)) * 1e3,
        images_per_s=batch * len(durations_s) / sum(durations_s),
        images_per_s_two_callers=batch * _calls_per_s(session, feeds, seconds),
        difference=difference,
    )


def _calls_per_s(session: Session, feeds: dict[str, NDArray[Any]], seconds: float) -> float:
    """Calls per second of all callers together."""
    started = time.perf_counter()
    with ThreadPoolExecutor(_CALLERS) as callers:
        runs = [
            callers.submit(_repeat, lambda: session.run(feeds), seconds) for _ in range(_CALLERS)
        ]
    return sum(len(run.result()) for run in runs) / (time.perf_counter() - started)


def _repeat(run: Callable[[], object], seconds: float) -> list[float]:
    """Run for ``seconds``, at least once; returns the duration of each run in seconds."""
    durations_s: list[float] = []
    end = time.perf_counter() + seconds
    while not durations_s or time.perf_counter() < end:
        started = time.perf_counter()
        run()
        durations_s.append(time.perf_counter() - started)
    return durations_s


def _difference(found: dict[str, NDArray[Any]], wanted: dict[str, NDArray[Any]]) -> float:
    """The largest difference over all outputs; infinite for NaN and infinity."""
    largest = 0.0
    for name, values in wanted.items():
        scale = max(1.0, float(np.abs(values).max(initial=0)))
        apart = float(np.abs(found[name] - values).max(initial=0)) / scale
        largest = max(largest, apart if np.isfinite(apart) else np.inf)
    return largest


def _pixels(datatype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    random = np.random.default_rng(0)
    if datatype == "UINT8":
        return random.integers(0, 256, shape, np.uint8)
    if datatype in {"FP16", "FP32"}:
        return random.uniform(0, 255, shape).astype(
            np.float16 if datatype == "FP16" else np.float32
        )
    raise SetupError(f"the input of the weights is {datatype}, not pixels")
