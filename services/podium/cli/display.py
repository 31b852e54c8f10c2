"""What ``podium run`` shows: a progress bar, a summary, the files."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from podium.lab.accuracy import Accuracy


class FrameBar:
    """Frames done, frames per second, time left; live while entered."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("frames"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}", style="cyan"),
            console=console,
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
        """Move the bar; the speed is that of the frames that were not done before."""
        elapsed_s = self._progress.tasks[self._task].elapsed or 0.0
        speed = ""
        if done > resumed and elapsed_s > 0:
            per_s = (done - resumed) / elapsed_s
            speed = f"{per_s:.1f} frames/s"
            if total is not None and done < total:
                speed += f", {timedelta(seconds=round((total - done) / per_s))} left"
        self._progress.update(self._task, completed=done, total=total, speed=speed)


def summary_table(
    video: Path, summary: dict[str, Any], *, frames_per_s: float | None, accuracy: Accuracy | None
) -> Table:
    """The headline numbers of a run.

    Args:
        video: What was run.
        summary: As in ``summary.json``.
        frames_per_s: Speed of the pipeline; None if nothing was left to do.
        accuracy: Against the ground truth, if there is one.
    """
    frames = summary["frames"]
    lost = frames["undecodable"] + frames["failed"] + frames["missing"]
    seen = frames["with_person"]
    table = Table(title=f"{video.name}: {summary['pipeline']}", show_header=False)
    table.add_column(style="bold")
    table.add_column()
    table.add_row("frames", str(frames["count"]) + (f" ({lost} failed)" if lost else ""))
    table.add_row("frames with a person", f"{seen} ({_share(seen, frames['count'])})")
    table.add_row(
        "persons", f"{summary['persons_found']} found, {len(summary['persons'])} analysed"
    )
    if frames_per_s is not None:
        table.add_row("speed of processing", f"{frames_per_s:.1f} frames/s")
    table.add_row("peak hip speed", _peak_speed(summary))
    if accuracy is not None:
        table.add_row("against ground truth", f"{accuracy.found} of {accuracy.frames} frames found")
        table.add_row("  PCK@0.1 (box)", f"{accuracy.pck_10:.3f}")
        if accuracy.mpjpe_mm is not None:
            table.add_row("  MPJPE (hip-centred)", f"{accuracy.mpjpe_mm:.0f} mm")
    return table


def files_table(files: list[tuple[str, int]]) -> Table:
    """Where everything is."""
    table = Table(title="files", show_header=False, box=None, title_justify="left")
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    for place, size in files:
        table.add_row(Text(place), decimal(size))
    return table


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "none"


def _peak_speed(summary: dict[str, Any]) -> str:
    persons = summary["persons"]
    for unit, key in (("m/s", "hip_speed_peak_m_s"), ("px/s", "hip_speed_peak_px_s")):
        speeds = [person[key] for person in persons if person.get(key) is not None]
        if speeds:
            return f"{max(speeds):.2f} {unit}"
    return "not known"
