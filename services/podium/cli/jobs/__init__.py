"""``podium jobs``: sends videos to an api and gets the results."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from podium.cli.jobs.connection import api_client, endpoint_option, output_option
from podium.cli.jobs.display import (
    JobBars,
    byte_bar,
    print_job,
    print_jobs,
    print_json,
    print_object,
    print_results,
)
from podium.client.jobs.client import Client, Job
from podium.client.jobs.failures import JobFailed
from podium.schemas.states import JOB_STATES

_job_id = click.argument("job_id", type=click.IntRange(1), metavar="JOB")


@click.group("jobs")
def command() -> None:
    """Send videos to an api of Podium, watch the progress, and get the results.

    \b
    Examples:
      podium configure                             store the address of the api, once
      podium jobs submit sprint.mp4 --out results  upload, wait, download
      podium jobs submit day.zip                   a ZIP of videos; prints the number of the job
      podium jobs watch 12                         progress until the end
      podium jobs results 12 --out results --only '*.csv'
      podium jobs retry 12                         repeat only what failed

    Repeat a command that was stopped, and it continues where it stopped.
    """  # noqa: D301 - \b is Click's mark for text that keeps its lines


@command.command("submit")
@click.argument("source", metavar="VIDEO|ZIP|URI")
@click.option("--pipeline", default="pose-3d", show_default=True, help="Name of a pipeline.")
@click.option("--name", help="Name of the job, for people. [default: name of the file]")
@click.option("--height-m", type=float, help="Standing height of the athlete: gives metres.")
@click.option("--mass-kg", type=float, help="Mass of the athlete.")
@click.option("--athlete-id", type=int, help="A known athlete, instead of height and mass.")
@click.option(
    "--frames",
    multiple=True,
    metavar="NAME=VALUE",
    help="Option of the pipeline, such as stride=4 or tiles=auto; may be repeated.",
)
@click.option(
    "--postprocess",
    multiple=True,
    metavar="NAME=VALUE",
    help="Option of postprocessing, such as cutoff_hz=10 or athlete=longest; may be repeated.",
)
@click.option("--step", type=int, help="Take every Nth frame.")
@click.option("--retain-days", type=int, help="Delete videos and results this long after the end.")
@click.option(
    "--dry-run", is_flag=True, help="Upload, and say frames, seconds and cost; start nothing."
)
@click.option("--again", is_flag=True, help="Make a new job even if there is an equal one.")
@click.option("--wait", is_flag=True, help="Wait for the end, and show progress.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Wait for the end, and download the results into this folder.",
)
@output_option
@endpoint_option
def submit(
    *,
    source: str,
    pipeline: str,
    name: str | None,
    height_m: float | None,
    mass_kg: float | None,
    athlete_id: int | None,
    frames: tuple[str, ...],
    postprocess: tuple[str, ...],
    step: int | None,
    retain_days: int | None,
    dry_run: bool,
    again: bool,
    wait: bool,
    out: Path | None,
    output: str,
    endpoint_url: str | None,
) -> None:
    """Upload a video, or a ZIP of videos, and start a job.

    Repeat the command to continue a stopped upload, or to find the job that it has started unless
    that has failed; --again makes another job.

    \b
    Examples:
      podium jobs submit sprint.mp4
      podium jobs submit sprint.mp4 --height-m 1.82 --postprocess cutoff_hz=10 --out results
      podium jobs submit s3://clips/sprint.mp4 --wait
    """  # noqa: D301 - \b is Click's mark for text that keeps its lines
    options = _options("--postprocess", postprocess)
    if height_m is not None:
        options["athlete_height_m"] = height_m
    if mass_kg is not None:
        options["athlete_mass_kg"] = mass_kg
    parameters: dict[str, Any] = {}
    if frames:
        parameters["frames"] = _options("--frames", frames)
    if options:
        parameters["postprocess"] = options
    if step is not None:
        parameters["step"] = step
    with api_client(endpoint_url) as client:
        if dry_run:
            with byte_bar("uploading") as progress:
                plan = client.estimate(
                    source, pipeline=pipeline, parameters=parameters, progress=progress
                )
            (print_json if output == "json" else print_object)(plan)
            return
        with byte_bar("uploading") as progress:
            job = client.submit(
                source,
                pipeline=pipeline,
                name=name,
                parameters=parameters,
                athlete_id=athlete_id,
                retain_days=retain_days,
                again=again,
                progress=progress,
            )
        if not (wait or out):
            _print(job, output)
            if output == "table":
                click.echo(f"`podium jobs watch {job.id}` shows how it goes", err=True)
            return
        _follow(client, job)
        if out is not None:
            _download(job, out, ())
        _print(job, output)
        _check(job)


@command.command("list")
@click.option("--status", multiple=True, type=click.Choice(JOB_STATES), help="Only in this state.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="At most.")
@output_option
@endpoint_option
def list_jobs(status: tuple[str, ...], limit: int, output: str, endpoint_url: str | None) -> None:
    """Show jobs, the newest first."""
    with api_client(endpoint_url) as client:
        jobs = client.list_jobs(status=status, limit=limit)
    (print_json if output == "json" else print_jobs)(jobs)


@command.command("status")
@_job_id
@output_option
@endpoint_option
def status(job_id: int, output: str, endpoint_url: str | None) -> None:
    """Show a job, its videos, and what is missing."""
    with api_client(endpoint_url) as client:
        _print(client.job(job_id), output)


@command.command("watch")
@_job_id
@output_option
@endpoint_option
def watch(job_id: int, output: str, endpoint_url: str | None) -> None:
    """Show progress until the end. Ctrl-C ends the watching, not the job."""
    with api_client(endpoint_url) as client:
        job = client.job(job_id)
        _follow(client, job)
        _print(job, output)
        _check(job)


@command.command("results")
@_job_id
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to download into. [default: only list the files]",
)
@click.option("--only", multiple=True, metavar="PATTERN", help="Such as '*.csv'; may be repeated.")
@output_option
@endpoint_option
def results(
    *, job_id: int, out: Path | None, only: tuple[str, ...], output: str, endpoint_url: str | None
) -> None:
    """List or download the files of a job; downloaded files are not downloaded again."""
    with api_client(endpoint_url) as client:
        job = client.job(job_id)
        if out is not None:
            _download(job, out, only)
            return
        found = job.results()
        (print_json if output == "json" else print_results)(found)


@command.command("cancel")
@_job_id
@output_option
@endpoint_option
def cancel(job_id: int, output: str, endpoint_url: str | None) -> None:
    """Cancel a job; the results so far can be downloaded."""
    with api_client(endpoint_url) as client:
        _print(client.job(job_id).cancel(), output)


@command.command("retry")
@_job_id
@click.option("--wait", is_flag=True, help="Wait for the end, and show progress.")
@output_option
@endpoint_option
def retry(job_id: int, wait: bool, output: str, endpoint_url: str | None) -> None:
    """Repeat only the failed parts of a job."""
    with api_client(endpoint_url) as client:
        job = client.job(job_id).retry()
        if wait:
            _follow(client, job)
        _print(job, output)
        if wait:
            _check(job)


def _options(option: str, given: tuple[str, ...]) -> dict[str, Any]:
    """Parse ``NAME=VALUE``; numbers, true and false become numbers and booleans."""
    found: dict[str, Any] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals:
            raise click.BadParameter(f"{each!r} is not NAME=VALUE", param_hint=option)
        found[name.strip()] = _scalar(value.strip())
    return found


def _scalar(value: str) -> str | int | float | bool:
    if value in ("true", "false"):
        return value == "true"
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


def _follow(client: Client, job: Job) -> None:
    try:
        with JobBars() as bars:
            for state in job.states():
                bars.show(state, client.list_videos(job_id=job.id, limit=50))
    except KeyboardInterrupt as stop:
        stop.add_note(f"job {job.id} goes on; `podium jobs watch {job.id}` looks at it again")
        raise


def _download(job: Job, out: Path, only: tuple[str, ...]) -> None:
    with byte_bar("downloading") as progress:
        files = job.download(out, only=only, progress=progress)
    where = os.path.commonpath([file.parent for file in files]) if files else out
    click.echo(f"{len(files)} files are in {where}", err=True)


def _print(job: Job, output: str) -> None:
    if output == "json":
        print_json(job.info)
    else:
        print_job(job.info, job.videos())


def _check(job: Job) -> None:
    if job.status in ("failed", "canceled", "expired"):
        raise JobFailed(job.info)
