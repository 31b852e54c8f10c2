"""Compares two finished runs: their angles over the cycle and the differences."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from podium.biomechanics.events.cycle_curves import (
    POINTS,
    CycleCurve,
    curves_by_stride,
    curves_of_clip,
)
from podium.biomechanics.measures.registry import Measured
from podium.biomechanics.persons.trajectories import link
from podium.errors import InvalidInput, Unprocessable
from podium.postprocess.finished_run import finished_run
from podium.postprocess.measured_clip import measured_athletes
from podium.render import plots
from podium.render.report import NumberRow, PersonReport, Report, Section, render_report
from podium.types import Float64

By = Literal["stride", "clip"]
_PERCENT = np.arange(POINTS)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One angle of both runs."""

    first: CycleCurve
    second: CycleCurve
    repeats: bool  # whether the end of the cycle is its beginning

    @property
    def difference_deg(self) -> Float64:
        """Second minus first, (101,)."""
        return self.second.mean_deg - self.first.mean_deg

    @property
    def rmse_deg(self) -> float:
        """Root mean square of the difference over the cycle."""
        return float(np.sqrt(np.mean(self.difference_deg**2)))

    @property
    def peak_shift_percent(self) -> int:
        """Delay of the second's peak after the first's; -50 to 49 % of a cycle that repeats."""
        shift = int(np.argmax(self.second.mean_deg)) - int(np.argmax(self.first.mean_deg))
        return (shift + 50) % 100 - 50 if self.repeats else shift

    @property
    def apart(self) -> float | None:
        """Share of the cycle on which the bands of one standard deviation do not touch.

        The band of a single cycle has no width; None: neither run has a second cycle.
        """
        if self.first.n < 2 and self.second.n < 2:
            return None
        reach = np.nan_to_num(self.first.sd_deg) + np.nan_to_num(self.second.sd_deg)
        return float(np.mean(np.abs(self.difference_deg) > reach))


def compare_runs(first: Path, second: Path, output: Path, by: By) -> list[Path]:
    """Write ``compare.csv`` and ``compare.html``.

    Args:
        first: Folder of a run.
        second: Folder of another run.
        output: Folder for the files; created if missing.
        by: Whether a cycle is a stride or the whole clip.

    Raises:
        InvalidInput: one is no folder of a run, or has no athlete.
        Unprocessable: there is no cycle of the same angle in both.
    """
    compared = compared_runs(first, second, by)
    names = (first.resolve().name, second.resolve().name)
    if names[0] == names[1]:
        names = (f"{names[0]} (A)", f"{names[1]} (B)")
    output.mkdir(parents=True, exist_ok=True)
    table, page = output / "compare.csv", output / "compare.html"
    _write_table(table, compared)
    with page.open("w", encoding="utf-8") as file:
        file.writelines(render_report(_report(names, compared, by)))
    return [table, page]


def compared_runs(first: Path, second: Path, by: By) -> list[Comparison]:
    """The angles that both runs have, of the longest seen athlete of each."""
    a, b = (_curves(folder, by) for folder in (first, second))
    compared = [
        Comparison(curve, b[name], repeats=by == "stride") for name, curve in a.items() if name in b
    ]
    if not compared:
        raise Unprocessable("no angle is known over a whole cycle in both runs")
    return compared


def _curves(folder: Path, by: By) -> dict[str, CycleCurve]:
    movement = _athlete(folder).movement
    curves = curves_by_stride(movement) if by == "stride" else curves_of_clip(movement)
    if not curves:
        gait = movement.gait
        why = gait if isinstance(gait, str) else "no whole stride was seen"
        raise Unprocessable(f"{folder} has no strides ({why}); --by clip compares whole clips")
    return {curve.angle: curve for curve in curves}


def _athlete(folder: Path) -> Measured:
    run = finished_run(folder)
    found = link(run.clip.tracklets, run.clip.frames)
    athletes = list(measured_athletes(run.clip, found, run.options, run.corrections))
    if not athletes:
        raise InvalidInput(f"{folder} has no athlete to compare", field="RUN")
    return max(athletes, key=lambda a: int(np.isfinite(a.analysis.trajectory.scores).sum()))


def _write_table(path: Path, compared: Sequence[Comparison]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(
            ("angle", "percent", "a_deg", "a_sd_deg", "b_deg", "b_sd_deg", "b_less_a_deg")
        )
        for each in compared:
            columns = np.stack(
                [
                    each.first.mean_deg,
                    each.first.sd_deg,
                    each.second.mean_deg,
                    each.second.sd_deg,
                    each.difference_deg,
                ],
                axis=1,
            )
            for percent, values in enumerate(columns.tolist()):
                cells = ("" if np.isnan(value) else f"{value:.3f}" for value in values)
                rows.writerow((each.first.angle, percent, *cells))


def _report(names: tuple[str, str], compared: Sequence[Comparison], by: By) -> Report:
    return Report(
        title=f"{names[0]} and {names[1]}",
        facts=[
            ("A, solid blue", names[0]),
            ("B, dashed orange", names[1]),
            ("Cycle", "contact to next contact" if by == "stride" else "the whole clip"),
        ],
        persons=[
            PersonReport(
                title="Angles over the cycle",
                tiles=[],
                numbers=[row for each in compared for row in _numbers(each)],
                ranges=[],
                sections=[Section("Mean and one standard deviation", _plots(compared))],
            )
        ],
        frames=[],
        notes=[
            "RMSE: of the difference of the means over 101 points. Peak shift: how much later in "
            "the cycle B is highest. Apart: where the bands of one standard deviation over the "
            "cycles do not touch; a single cycle has no band.",
            "What the pose model gets wrong alike in both clips cancels only where athlete, view "
            "and camera are alike.",
        ],
    )


def _numbers(each: Comparison) -> list[NumberRow]:
    label = each.first.angle.replace("_", " ")
    n = f"{each.first.n} and {each.second.n}"
    values = (
        ("RMSE", f"{each.rmse_deg:.1f} deg"),
        ("peak, B less A", f"{each.second.mean_deg.max() - each.first.mean_deg.max():+.1f} deg"),
        ("peak shift", f"{each.peak_shift_percent:+d} % of the cycle"),
        ("apart", "one cycle each" if each.apart is None else f"{each.apart:.0%} of the cycle"),
    )
    return [NumberRow(f"{label}, {name}", value, "", n, "", "") for name, value in values]


def _plots(compared: Sequence[Comparison]) -> list[str]:
    return [
        plots.bands(
            each.first.angle.replace("_", " ").capitalize(),
            "deg",
            _PERCENT.astype(float),
            {
                "A": (each.first.mean_deg, np.nan_to_num(each.first.sd_deg)),
                "B": (each.second.mean_deg, np.nan_to_num(each.second.sd_deg)),
            },
        )
        for each in compared
    ]
