"""The output of ``podium run``: a progress bar, a summary, the files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from podium.lab.accuracy import Accuracy
from podium.schemas.summary import PersonSummary, Summary

MAX_PERSONS = 4
"""Persons whose headline numbers are shown."""


class FrameBar:
    """Frames done, frames per second, time left; live while entered."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("frames"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}", style="cyan"),
            console=console,
            refresh_per_second=4,
        )
        self._task = self._progress.add_task("frames", total=None, speed="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def show(self, done: int, resumed: int, total: int | None) -> None:
        """Move the bar; the speed counts only frames of this run."""
        elapsed_s = self._progress.tasks[self._task].elapsed or 0.0
        speed = ""
        if done > resumed and elapsed_s > 0:
            per_s = (done - resumed) / elapsed_s
            speed = f"{per_s:.1f} frames/s"
            if total is not None and done < total:
                speed += f", {timedelta(seconds=round((total - done) / per_s))} left"
        self._progress.update(self._task, completed=done, total=total, speed=speed)


def summary_table(
    video: Path, summary: Summary, *, frames_per_s: float | None, accuracy: Accuracy | None
) -> Table:
    """The headline numbers of a run.

    Args:
        video: The video.
        summary: The content of ``summary.json``.
        frames_per_s: Speed of the pipeline; None if there were no new frames.
        accuracy: Accuracy against the ground truth, if there is one.
    """
    frames = summary.frames
    lost = frames.undecodable + frames.failed + frames.missing
    table = Table(title=f"{video.name}: {summary.pipeline}", show_header=False)
    table.add_column(style="bold")
    table.add_column()
    table.add_row("frames", f"{frames.count}" + (f" ({lost} failed)" if lost else ""))
    table.add_row(
        "frames with a person", f"{frames.with_person} ({_share(frames.with_person, frames.count)})"
    )
    table.add_row("persons", f"{summary.persons_found} found, {len(summary.persons)} analysed")
    if frames_per_s is not None:
        table.add_row("speed of processing", f"{frames_per_s:.1f} frames/s")
    for label, value in _headlines(summary.persons):
        table.add_row(label, value)
    if accuracy is not None:
        table.add_row("against ground truth", f"{accuracy.found} of {accuracy.frames} frames found")
        table.add_row("  PCK@0.1 (box)", f"{accuracy.pck_10:.3f}")
        if accuracy.mpjpe_mm is not None:
            table.add_row("  MPJPE (hip-centred)", f"{accuracy.mpjpe_mm:.0f} mm")
    return table


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "none"


def _headlines(persons: list[PersonSummary]) -> Iterator[tuple[str, str]]:
    """Label and value of the headline numbers, of the persons seen longest."""
    longest = sorted(persons, key=lambda person: -person.frames_seen)[:MAX_PERSONS]
    for person in longest:
        whose = f"person {person.person}: " if len(persons) > 1 else ""
        for measure in person.measures.values():
            if measure.headline and measure.value is not None:
                sd = "" if measure.sd is None else f" ± {measure.sd:.{measure.digits}f}"
                number = f"{measure.value:.{measure.digits}f}{sd} {measure.unit}".strip()
                yield whose + measure.label.lower(), number
