"""Reports the costs of networks: JSON with stable keys, a Markdown table, a plot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import orjson

import podium
from podium.lab.bench.networks import Cost, NetworkCost, Round
from podium.lab.bench.report import machine
from podium.lab.plotting import figure_class

FORMAT = "podium-networks/1"

_HEAD = """\
# Cost of the networks on a processor

ONNX Runtime {engine}, {threads} thread(s), {cpu}, {cores} cores, {date}.

Per image, medians over {rounds} rounds of {seconds:g} s in which the ways take turns. *Bare* is
ONNX Runtime alone on prepared tensors, row by row as our engine feeds it, *bare batch* the same
in one call. *Above bare* is what adapter and engine add to the CPU time: the median over the
rounds, each against its own bare run. *Noise* is the spread of the bare CPU time over the rounds,
(largest - smallest) / median. GFLOP are counted from the graph: convolutions and matrix products,
two operations per multiply-accumulate. Where ms is far above CPU-ms, others were using the
machine.

| model | family | input | batch | GFLOP | ms | CPU-ms | GFLOP/s | GFLOP/CPU-s | bare ms \
| bare CPU-ms | bare batch CPU-ms | above bare | noise |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
"""


def summary(cost: NetworkCost) -> dict[str, Any]:
    """One entry of ``results``.

    ``model``, ``family``, ``input`` [height, width], ``weights`` (their source), ``batch``,
    ``gflop`` per image; ``podium``, ``bare``, ``bare_batch``: medians of ``wall_ms`` and
    ``cpu_ms`` per image, ``gflop_per_s`` of wall time and ``gflop_per_cpu_s``; ``above_bare`` and
    ``noise`` as fractions; ``rounds``: every measurement.
    """
    manifest = cost.model.manifest
    bare_ms = [r.bare.cpu_ms for r in cost.rounds]
    return {
        "model": cost.model.reference,
        "family": manifest.family,
        "input": [manifest.input.height, manifest.input.width],
        "weights": manifest.source,
        "batch": cost.batch,
        "gflop": round(cost.gflop, 4),
        "podium": _medians(cost, lambda r: r.podium),
        "bare": _medians(cost, lambda r: r.bare),
        "bare_batch": _medians(cost, lambda r: r.bare_batch),
        "above_bare": round(
            float(np.median([r.podium.cpu_ms / r.bare.cpu_ms - 1 for r in cost.rounds])), 4
        ),
        "noise": round((max(bare_ms) - min(bare_ms)) / float(np.median(bare_ms)), 4),
        "rounds": [asdict(each) for each in cost.rounds],
    }


def _medians(cost: NetworkCost, way: Callable[[Round], Cost]) -> dict[str, float]:
    wall_ms = float(np.median([way(each).wall_ms for each in cost.rounds]))
    cpu_ms = float(np.median([way(each).cpu_ms for each in cost.rounds]))
    return {
        "wall_ms": round(wall_ms, 4),
        "cpu_ms": round(cpu_ms, 4),
        "gflop_per_s": round(cost.gflop / wall_ms * 1e3, 2),
        "gflop_per_cpu_s": round(cost.gflop / cpu_ms * 1e3, 2),
    }


def to_json(costs: Sequence[NetworkCost], *, threads: int, seconds: float) -> bytes:
    """The results as JSON; ``results`` is a list of ``summary``."""
    return orjson.dumps(
        {
            "format": FORMAT,
            "podium": podium.__version__,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "onnxruntime": ort.__version__,
            "threads": threads,
            "seconds_per_round": seconds,
            "results": [summary(cost) for cost in costs],
        },
        option=orjson.OPT_INDENT_2,
    )


def to_markdown(costs: Sequence[NetworkCost], *, threads: int, seconds: float) -> str:
    """The medians as a page with one table."""
    facts = machine()
    head = _HEAD.format(
        rounds=len(costs[0].rounds),
        seconds=seconds,
        threads=threads,
        engine=ort.__version__,
        cpu=facts["cpu"],
        cores=facts["cores"],
        date=datetime.now(UTC).date(),
    )
    return head + "".join(map(_row, costs))


def _row(cost: NetworkCost) -> str:
    s = summary(cost)
    podium_, bare, batch = s["podium"], s["bare"], s["bare_batch"]
    cells = [
        s["model"],
        s["family"],
        "x".join(map(str, s["input"])),
        s["batch"],
        f"{s['gflop']:.2f}",
        f"{podium_['wall_ms']:.2f}",
        f"{podium_['cpu_ms']:.2f}",
        f"{podium_['gflop_per_s']:.1f}",
        f"{podium_['gflop_per_cpu_s']:.1f}",
        f"{bare['wall_ms']:.2f}",
        f"{bare['cpu_ms']:.2f}",
        f"{batch['cpu_ms']:.2f}",
        f"{s['above_bare']:+.1%}",
        f"{s['noise']:.1%}",
    ]
    return f"| {' | '.join(map(str, cells))} |\n"


def write_plot(costs: Sequence[NetworkCost], path: Path) -> None:
    """CPU time per image, beside that of the bare engine, on a logarithmic scale."""
    rows = [summary(cost) for cost in costs]
    figure = figure_class()(figsize=(7, 0.35 * len(rows) + 1.2), layout="constrained")
    axis = figure.subplots()
    place = np.arange(len(rows))
    for shift, way, color in ((-0.2, "podium", "#d55e00"), (0.2, "bare", "#0072b2")):
        axis.barh(place + shift, [row[way]["cpu_ms"] for row in rows], 0.38, label=way, color=color)
    axis.set_yticks(place, [f"{row['model']}, batch {row['batch']}" for row in rows], fontsize=7)
    axis.invert_yaxis()
    axis.set_xscale("log")
    axis.set_xlabel("CPU-ms per image")
    axis.legend()
    figure.savefig(path)
