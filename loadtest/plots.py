"""The plots of the report, as SVG."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("svg")
from matplotlib import pyplot as plt

from loadtest.curve import curve_of
from loadtest.figures import Figures
from loadtest.run import Run
from loadtest.stages import CPU
from loadtest.steadiness import RSS

STYLE: Any = {
    "figure.figsize": (8, 3.6),
    "figure.constrained_layout.use": True,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.alpha": 0.3,
    "font.size": 9,
    "svg.hashsalt": "podium",
}
MOST_WINDOWS = 60
LEAST_WINDOW_S = 2.0


def write_plots(run: Run, figures: Figures, folder: Path) -> dict[str, str]:
    """Write the plots for which there is data; returns name -> title."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    with matplotlib.rc_context(STYLE):
        for name, draw, caption in (
            ("capacity", _capacity, "Frames per second and latency by the number of users"),
            ("time", _over_time, "Frames per second, latencies and users over time"),
            ("stages", _stages, "Where the calls are at the best level, and how long"),
            ("cpu", _cpu, "Processors that each service kept busy"),
            ("memory", _memory, "Resident memory of each service"),
            ("replicas", _replicas, "Replicas of each service"),
        ):
            figure = draw(run, figures)
            if figure is not None:
                figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
                plt.close(figure)
                made[name] = caption
    return made


def _capacity(run: Run, figures: Figures) -> Any:
    curve = curve_of(run, figures.levels)
    if len({level.users for level in curve}) < 2:
        return None
    users = [level.users for level in curve]
    figure, left = plt.subplots()
    left.plot(users, [level.frames_per_s for level in curve], "o-", color="C0", label="frames/s")
    left.set(xlabel="users", ylabel="frames per second", ylim=(0, None), xticks=users)
    right = left.twinx()
    right.plot(users, [level.p50_ms for level in curve], "s--", color="C1", label="p50")
    right.plot(users, [level.p99_ms for level in curve], "^--", color="C3", label="p99")
    right.set(ylabel="latency of a call, ms", ylim=(0, None))
    right.grid(False)
    if figures.knee is not None:
        left.axvline(figures.knee.users, color="grey", linestyle=":", label="knee")
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    return figure


def _over_time(run: Run, figures: Figures) -> Any:
    if not run.calls or not run.spans:
        return None
    begin_s, end_s = run.spans[0].begin_s, run.end_s
    count = int(np.clip((end_s - begin_s) / LEAST_WINDOW_S, 1, MOST_WINDOWS))
    bounds = np.linspace(begin_s, end_s, count + 1)
    middles = (bounds[:-1] + bounds[1:]) / 2 - begin_s
    figure, (top, bottom) = plt.subplots(2, sharex=True, figsize=(8, 5.6))
    windows = list(itertools.pairwise(bounds.tolist()))
    top.plot(middles, [run.frames_per_s(*window) for window in windows], color="C0")
    top.set(ylabel="frames per second", ylim=(0, None))
    steps = top.twinx()
    edges = [span.begin_s - begin_s for span in run.spans]
    edges.append((run.spans[-1].end_s or end_s) - begin_s)
    steps.stairs([span.level.users for span in run.spans], edges, color="grey", alpha=0.6)
    steps.set(ylabel="users", ylim=(0, None))
    steps.grid(False)
    for number, user in enumerate(sorted({call.user for call in run.calls})):
        found = [[c.latency_ms for c in run.within(*w) if c.user == user] for w in windows]
        for percent, style in ((50, "-"), (99, ":")):
            values = [np.percentile(ms, percent) if ms else np.nan for ms in found]
            label = f"{user} p{percent}"
            bottom.plot(middles, values, style, color=f"C{number}", label=label, marker=".")
    bottom.set(xlabel="seconds", ylabel="latency of a call, ms", yscale="log")
    bottom.legend(ncols=4, fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.2))
    return figure


def _stages(run: Run, figures: Figures) -> Any:
    if not figures.stages:
        return None
    names = [stage.name for stage in figures.stages]
    figure, (left, right) = plt.subplots(1, 2)
    worst = figures.bottleneck.stage if figures.bottleneck else ""
    colors = ["C3" if name == worst else "C0" for name in names]
    left.bar(names, [stage.calls_inside for stage in figures.stages], color=colors)
    left.set(title="calls inside at any time", ylim=(0, None))
    parts = {
        "transfer": [stage.transfer_ms for stage in figures.stages],
        "queue": [stage.queue_ms or 0.0 for stage in figures.stages],
        "infer": [stage.infer_ms or 0.0 for stage in figures.stages],
    }
    places = np.arange(len(names))
    for number, (part, values) in enumerate(parts.items()):
        right.bar(places + 0.25 * (number - 1), values, 0.25, label=part, color=f"C{number + 4}")
    right.set(title="means, ms", xticks=places, xticklabels=names, ylim=(0, None))
    right.legend(ncols=3, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.08))
    for axes in (left, right):
        axes.grid(False, axis="x")
    return figure


def _cpu(run: Run, figures: Figures) -> Any:
    lines = []
    for service in run.timeline.services():
        table = run.timeline.gauge(CPU, service)
        if len(table) > 2:
            rates = np.diff(table[:, 1]) / np.diff(table[:, 0])
            # Negative rates come from replicas that end.
            lines.append((service, table[1:, 0], np.clip(rates, 0, None)))
    return _lines(run, lines, "processors")


def _memory(run: Run, figures: Figures) -> Any:
    tables = [(name, run.timeline.gauge(RSS, name)) for name in run.timeline.services()]
    lines = [(name, table[:, 0], table[:, 1] / 1e6) for name, table in tables if len(table)]
    return _lines(run, lines, "MB")


def _replicas(run: Run, figures: Figures) -> Any:
    counts = run.timeline.replica_counts().items()
    lines = [(name, table[:, 0], table[:, 1]) for name, table in counts if len(table)]
    return _lines(run, lines, "replicas", drawstyle="steps-post")


def _lines(
    run: Run, lines: Iterable[tuple[str, Any, Any]], label: str, drawstyle: str = "default"
) -> Any:
    kept = list(lines)
    if not kept:
        return None
    begin_s = run.spans[0].begin_s if run.spans else run.begin_s
    figure, axes = plt.subplots()
    for name, times, values in kept:
        axes.plot(times - begin_s, values, label=name, drawstyle=drawstyle)
    axes.set(xlabel="seconds", ylabel=label, ylim=(0, None))
    figure.legend(loc="outside upper center", ncols=6, frameon=False)
    return figure
