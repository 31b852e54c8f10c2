"""Output of the commands of the api: tables, JSON, progress."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click
from pydantic import BaseModel
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from podium.schemas.jobs import Job, JobResults, Video

_STYLES = {
    "succeeded": "green", "partially_succeeded": "yellow", "failed": "red", "canceled": "yellow",
    "expired": "red",
}  # fmt: skip
_LEFT_OUT = frozenset({"version", "created_at", "updated_at"})
_WIDE = 400
_MOST_VIDEOS = 12


def console(*, err: bool = False) -> Console:
    """The terminal; output to a file or another program is not cut to a width."""
    made = Console(stderr=err)
    return made if made.is_terminal else Console(stderr=err, width=_WIDE)


def print_json(shown: Any) -> None:
    """Print an object or a list of objects as JSON."""
    many = isinstance(shown, list | tuple)
    values = [each.model_dump(mode="json") for each in (shown if many else [shown])]
    click.echo(json.dumps(values if many else values[0], indent=2, ensure_ascii=False))


def print_object(shown: BaseModel) -> None:
    """Print one object, a row for each field."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name in type(shown).model_fields:
        table.add_row(name, text(getattr(shown, name)))
    console().print(table)


def print_list(items: Sequence[BaseModel], kind: type[BaseModel]) -> None:
    """Print a row for each object; nested fields have no column."""
    plain = [
        name
        for name in kind.model_fields
        if name not in _LEFT_OUT
        and not any(isinstance(getattr(i, name), BaseModel | dict) for i in items)
    ]
    table = Table(box=None, pad_edge=False)
    for name in plain:
        table.add_column(name, overflow="fold")
    for item in items:
        table.add_row(*(text(getattr(item, name)) for name in plain))
    console().print(table if items else "none")


def text(value: Any) -> Text:
    """A value as the text of a cell."""
    if value is None:
        return Text("-", style="dim")
    if isinstance(value, datetime):
        return Text(f"{value.astimezone():%Y-%m-%d %H:%M:%S}")
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json", exclude_defaults=True)
    if isinstance(value, list) and all(isinstance(each, str | int) for each in value):
        return Text(", ".join(map(str, value)))
    if isinstance(value, list | dict):
        return Text(json.dumps(value, default=str, ensure_ascii=False))
    return Text(str(value), style=_STYLES.get(str(value), ""))


def print_jobs(jobs: Sequence[Job]) -> None:
    """Print a row for each job."""
    table = Table(box=None, pad_edge=False)
    for name in ("job", "name", "status", "done", "videos", "made"):
        table.add_column(name, justify="right" if name in ("job", "done") else "left")
    for job in jobs:
        counts = job.progress.videos
        failed = f", {counts.failed} failed" if counts.failed else ""
        table.add_row(
            str(job.id),
            Text(job.job_name),
            text(job.job_status),
            f"{job.progress.percent:.0f} %",
            f"{counts.succeeded} of {counts.total}{failed}",
            text(job.created_at),
        )
    console().print(table if jobs else "no jobs; `podium jobs submit VIDEO` makes one")


def print_job(job: Job, videos: Sequence[Video]) -> None:
    """Print a job, its videos, and what is missing."""
    out = console()
    out.print(Text.assemble((f"job {job.id}  ", "bold"), job.job_name, "  ", text(job.job_status)))
    place = job.progress.queue_position
    if place:
        out.print(f"{place} frame batches are before it")
    if job.progress.eta_s is not None:
        out.print(f"about {job.progress.eta_s:.0f} s left")
    if job.error is not None:
        out.print(Text(job.error.message, style="red"))
    if job.error is not None and job.error.retryable:
        out.print(f"`podium jobs retry {job.id}` does again what is missing")
    table = Table(box=None, pad_edge=False)
    for name in ("video", "name", "status", "done", "what is wrong"):
        table.add_column(name, overflow="fold")
    for video in videos:
        wrong = [video.error.message] if video.error is not None else []
        table.add_row(
            str(video.id),
            Text(video.video_name),
            text(video.video_status),
            f"{video.video_progress_percentage:.0f} %",
            Text("; ".join([*wrong, *video.warnings])),
        )
    if videos:
        out.print(table)


def print_results(results: JobResults) -> None:
    """Print a row for each file of a job."""
    table = Table(box=None, pad_edge=False)
    for name in ("video", "file", "size"):
        table.add_column(name, overflow="fold", justify="right" if name == "size" else "left")
    for video in results.videos:
        for file in video.files:
            table.add_row(Text(video.video_name), Text(file.name), decimal(file.size_bytes))
    for file in (*results.other_files, *filter(None, [results.manifest])):
        table.add_row("", Text(file.name), decimal(file.size_bytes))
    console().print(table if table.row_count else "no files yet")


@contextmanager
def byte_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar for bytes, on stderr if that is a terminal."""
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console(err=True),
        transient=True,
    )
    with progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


class JobBars:
    """Progress bars for a job and each of its videos; live while entered."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[note]}", style="cyan", markup=False),
            console=console(err=True),
        )
        self._tasks: dict[int, Any] = {}

    def __enter__(self) -> JobBars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, job: Job, videos: Sequence[Video]) -> None:
        """Update the bars."""
        note = job.job_status.replace("_", " ")
        if job.progress.queue_position:
            note += f", {job.progress.queue_position} frame batches before it"
        elif job.progress.eta_s is not None:
            note += f", about {job.progress.eta_s:.0f} s left"
        self._bar(0, f"job {job.id}", job.progress.percent, note)
        if len(videos) > 1:
            for video in videos[:_MOST_VIDEOS]:
                wrong = "" if video.error is None else f": {video.error.message}"
                note = f"{video.video_status.replace('_', ' ')}{wrong}"
                percent = video.video_progress_percentage
                self._bar(video.id, f"  {video.video_name[-40:]}", percent, note)

    def _bar(self, key: int, name: str, percent: float, note: str) -> None:
        if key not in self._tasks:
            self._tasks[key] = self._progress.add_task(name, total=100.0, note="")
        self._progress.update(self._tasks[key], completed=percent, note=note[:100])
