"""Reports a benchmark: JSON with stable keys, a table, a plot."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

import podium
from podium.lab.bench.measure import Cell, Measurement, median
from podium.lab.plotting import figure_class

FORMAT = "podium-bench/2"
_PHASES = ("queue", "preprocess", "infer", "postprocess", "transfer", "total")

Rounds = Mapping[Cell, list[Measurement]]


def machine() -> dict[str, Any]:
    """The machine of the figures."""
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def to_json(rounds: Rounds, *, video: str, seconds: float) -> bytes:
    """The results as JSON.

    ``results`` is a list with one entry per cell: ``models``, ``composition``, ``workload``,
    ``concurrency``, ``median`` (the fields of ``Measurement``) and ``rounds`` (a list of them).
    ``phase_ms_per_frame`` is wall time from the services' metrics
    (docs/operations/monitoring.md): ``total`` and ``transfer`` are those of the gateway's calls,
    the others are inside the stages.
    """
    return orjson.dumps(
        {
            "format": FORMAT,
            "podium": podium.__version__,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "video": video,
            "seconds_per_cell_and_round": seconds,
            "results": [
                {
                    **asdict(cell),
                    "median": _rounded(median(found)),
                    "rounds": [_rounded(m) for m in found],
                }
                for cell, found in rounds.items()
            ],
        },
        option=orjson.OPT_INDENT_2,
    )


def _rounded(measurement: Measurement) -> dict[str, Any]:
    return _round(asdict(measurement))


def _round(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _round(value) if isinstance(value, dict) else round(value, 4)
        for key, value in values.items()
    }


def print_table(rounds: Rounds, console: Console) -> None:
    """Print medians, and the cost of each composition above the pipeline in one process."""
    table = Table(title="medians over the rounds")
    for name in ("models", "workload", "c", "composition"):
        table.add_column(name)
    for name in (
        "frames/s",
        "p50 ms",
        "p99 ms",
        "CPU-ms/frame",
        "above floor",
        "client + gateway + decode + detection + pose",
        "received MB/frame",
        "RSS MB",
    ):
        table.add_column(name, justify="right")
    medians = {cell: median(found) for cell, found in rounds.items()}
    for cell, m in medians.items():
        floor = medians.get(Cell(cell.models, "in process", cell.workload, cell.concurrency))
        above = ""
        if floor:
            more = m.cpu_ms_per_frame - floor.cpu_ms_per_frame
            above = f"{more:+.2f}, {m.cpu_ms_per_frame / floor.cpu_ms_per_frame:.2f} x"
        table.add_row(
            cell.models,
            cell.workload,
            str(cell.concurrency),
            cell.composition,
            f"{m.frames_per_s:.1f}",
            f"{m.p50_ms:.1f}",
            f"{m.p99_ms:.1f}",
            f"{m.cpu_ms_per_frame:.2f}",
            above if cell.composition != "in process" else "",
            _parts(m),
            f"{m.received_mb_per_frame:.3f}" if m.received_mb_per_frame else "",
            f"{m.rss_mb:.0f}",
        )
    console.print(table)


def _parts(measurement: Measurement) -> str:
    cpu = measurement.cpu_ms_by_process
    if "gateway" not in cpu:
        return ""
    alone = [cpu.get(name, 0.0) for name in ("client", "gateway", "decode", "detection")]
    parts = [*alone, cpu.get("pose2d", 0.0) + cpu.get("pose3d", 0.0)]
    return " + ".join(f"{part:.2f}" for part in parts)


def print_phases(rounds: Rounds, console: Console) -> None:
    """Print the time per frame in each phase, at the lowest concurrency."""
    medians = {cell: median(found) for cell, found in rounds.items()}
    fewest = min(cell.concurrency for cell in medians)
    table = Table(title=f"ms per frame by stage and phase, c={fewest}")
    for name in ("models", "workload", "stage"):
        table.add_column(name)
    for phase in _PHASES:
        table.add_column(phase, justify="right")
    for cell, m in medians.items():
        stages = dict.fromkeys(name.split()[0] for name, ms in m.phase_ms_per_frame.items() if ms)
        if cell.concurrency == fewest and stages:
            table.add_section()
            for stage in stages:
                values = (m.phase_ms_per_frame.get(f"{stage} {phase}") for phase in _PHASES)
                cells = ("" if value is None else f"{value:.2f}" for value in values)
                table.add_row(cell.models, cell.workload, stage, *cells)
    if table.row_count:
        console.print(table)


def write_plot(rounds: Rounds, path: Path) -> None:
    """CPU time per frame by composition, one panel per model set and workload."""
    medians = {cell: median(found) for cell, found in rounds.items()}
    panels = list(dict.fromkeys((cell.models, cell.workload) for cell in medians))
    figure = figure_class()(figsize=(4 * len(panels), 3.5), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (models, workload) in zip(axes, panels, strict=True):
        cells = [c for c in medians if (c.models, c.workload) == (models, workload)]
        axis.bar(
            [f"{c.composition}\nc={c.concurrency}" for c in cells],
            [medians[c].cpu_ms_per_frame for c in cells],
            color=["#0072b2" if c.composition == "in process" else "#d55e00" for c in cells],
        )
        axis.set_title(f"{models} models, {workload}", fontsize=9)
        axis.set_ylabel("CPU-ms per frame")
        axis.tick_params(axis="x", labelsize=6)
    figure.savefig(path)
