"""``podium run``: runs a video through a pipeline and writes files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from podium.cli import is_verbose
from podium.cli.option_types import Number, VideoFile

if TYPE_CHECKING:
    from podium.local.video_run import Placement, VideoRun

_FILTERS = ("butterworth", "kalman", "gcv_spline", "savgol", "one_euro", "none")
_PERSONS_PER_FRAME = 8


def _athlete(context: click.Context, parameter: click.Parameter, value: str) -> str:
    from podium.athletes import read_text

    try:
        read_text(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return value


@click.command("run")
@click.argument("video", type=VideoFile())
@click.option(
    "--pipeline",
    default="pose-3d",
    show_default=True,
    help="pose-2d, pose-3d; athletes-2d, athletes-3d for several athletes; yolox-hrnet-2d, "
    "yolox-3dmppe-3d; or your own.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write to. [default: results/NAME of the video; another folder if that has "
    "results of another video]",
)
@click.option(
    "--overwrite",
    is_flag=True,
    help="Replace results of another video and other files in --out.",
)
@click.option("--gateway", metavar="URL", help="Use the services behind this gateway.")
@click.option(
    "--services",
    is_flag=True,
    help="Start the six services as processes, instead of running all stages in this process.",
)
@click.option(
    "--uri",
    help="With --gateway: address of the video that the services can read (s3://... or "
    "file://...); without it the frames are uploaded.",
)
@click.option(
    "--athlete",
    default="largest",
    callback=_athlete,
    show_default=True,
    metavar="RULE",
    help="Whom to analyse, decided over the whole video: all, largest, longest, "
    "most_displacement, or nearest:X,Y (pixels of the athlete's first appearance).",
)
@click.option(
    "--max-persons",
    type=click.IntRange(1, 64),
    default=_PERSONS_PER_FRAME,
    show_default=True,
    help="Largest number of persons to track.",
)
@click.option(
    "--height-m",
    type=Number(0.3, 3.0),
    help="Standing height of the athlete: converts pixels to metres.",
)
@click.option(
    "--known-distance",
    metavar="X1,Y1,X2,Y2:M",
    help="Two points on the picture, in the plane of motion, and the metres between them: "
    "converts pixels to metres in place of --height-m.",
)
@click.option(
    "--mass-kg",
    type=Number(10, 300),
    help="Mass of the athlete: for the air resistance in a sprint profile. [default: 70]",
)
@click.option(
    "--filter",
    "filter_method",
    type=click.Choice(_FILTERS),
    help="Smoothing of the key points; gcv_spline finds its cut-off. [default: butterworth]",
)
@click.option(
    "--cutoff-hz",
    type=Number(0.1, 1000),
    help="Cut-off of the Butterworth filter: 6 suits walking, 10 a sprint. Angles of a fitted "
    "body do not depend on it. [default: 8]",
)
@click.option(
    "--capture-fps",
    type=Number(0, 100_000, min_open=True),
    help="For slow motion: frames per second at which it was filmed, for true times and speeds. "
    "[default: from the video's metadata, if present]",
)
@click.option(
    "--slowmo",
    type=Number(0, 1000, min_open=True),
    metavar="N",
    help="Instead of --capture-fps: the video plays N times slower than real time.",
)
@click.option(
    "--view",
    type=click.Choice(["side", "oblique", "front", "back"]),
    help="From where the camera sees the athlete, if you know better than what is detected: "
    "decides which angles, events and speeds the video carries. [default: as detected]",
)
@click.option(
    "--camera-tilt",
    type=Number(-45, 45),
    metavar="DEGREES",
    help="How much level ground rises to the right in the picture; 0: the camera was level, "
    "whatever the ground does. [default: as the feet of a moving athlete show it]",
)
@click.option(
    "--stride",
    type=click.IntRange(1, 64),
    help="Search for persons on every Nth frame. [default: the pipeline's]",
)
@click.option(
    "--tiles",
    type=click.Choice(["never", "auto", "always"]),
    help="Search again in overlapping squares of the frame, for small athletes. "
    "[default: the pipeline's]",
)
@click.option(
    "--regions",
    type=click.Choice(["interpolated", "sequential"]),
    help="Where to look between searches: between the poses around, or frame by frame where the "
    "frame before saw the athlete (slower). [default: the pipeline's]",
)
@click.option(
    "--intrinsics",
    metavar="FX,FY,CX,CY",
    help="Focal lengths and centre of the camera in pixels, for the fitted body and for pipelines "
    "that measure distances. [default: the lens of a phone; 1500 px for distances]",
)
@click.option("--start", type=click.IntRange(0), default=0, show_default=True, help="First frame.")
@click.option("--count", type=click.IntRange(1), help="Number of frames. [default: all]")
@click.option(
    "--batch",
    type=click.IntRange(1, 1024),
    default=64,
    show_default=True,
    help="Frames per request.",
)
@click.option(
    "--in-flight",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    help="Requests at the same time.",
)
@click.option("--overlay/--no-overlay", default=True, help="Whether to draw the overlay video.")
@click.option(
    "--truth",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Ground truth to compare with. [default: the .json file beside the video, if it is one]",
)
@click.option("-v", "--verbose", is_flag=True, help="Show the services' logs and tracebacks.")
def command(
    *,
    video: Path,
    pipeline: str,
    out: Path | None,
    overwrite: bool,
    gateway: str | None,
    services: bool,
    uri: str | None,
    athlete: str,
    max_persons: int,
    height_m: float | None,
    known_distance: str | None,
    mass_kg: float | None,
    filter_method: str | None,
    cutoff_hz: float | None,
    capture_fps: float | None,
    slowmo: float | None,
    view: str | None,
    camera_tilt: float | None,
    stride: int | None,
    tiles: str | None,
    regions: str | None,
    intrinsics: str | None,
    start: int,
    count: int | None,
    batch: int,
    in_flight: int,
    overlay: bool,
    truth: Path | None,
    verbose: bool,
) -> None:
    """Run a video (or a picture) through a pipeline and write the results.

    Writes keypoints.csv, biomechanics.csv, summary.json, report.html, overlay.mp4 and pictures,
    and results.json. After Ctrl-C or a failure, repeat the command to continue.

    \b
    Examples:
      podium run sprint.mp4
      podium run sprint.mp4 --height-m 1.82 --athlete nearest:640,360
      podium run slow.mp4 --slowmo 4
      podium run long.mp4 --start 600 --count 300 --out results/last-steps
      PODIUM_API_KEY=... podium run sprint.mp4 --gateway http://podium.example:8000
      podium run sprint.mp4 --gateway http://podium.example:8000 --uri s3://clips/sprint.mp4
    """  # noqa: D301 - \b is Click's mark for text that keeps its lines
    if uri and not gateway:
        raise click.UsageError("--uri says what a remote gateway reads; give --gateway too")
    if capture_fps is not None and slowmo is not None:
        raise click.UsageError("--capture-fps and --slowmo say the same; give one of them")
    if gateway and services:
        raise click.UsageError("--gateway and --services are two places; give one of them")
    from podium.cli.run_job import in_words_of_options, show_run
    from podium.client.local_media import check_media
    from podium.client.run_folder import default_folder
    from podium.client.slow_motion import capture_fps_of
    from podium.errors import InvalidInput
    from podium.local.video_run import VideoRun
    from podium.schemas.postprocess import PostprocessOptions
    from podium.wire.parameters import read_parameters

    if wrong := check_media(video):
        click.echo(f"warning: {video}: {wrong}; frames that are missing become gaps", err=True)
    if slowmo is not None:
        capture_fps = capture_fps_of(video, slowmo)
    frame_options = {"athlete": "all", "max_persons": max_persons} | _given(
        capture_fps=capture_fps,
        stride=stride,
        tiles=tiles,
        regions=regions,
        intrinsics=intrinsics,
    )
    postprocess_options = {"athlete": athlete, "overlay": overlay} | _given(
        athlete_height_m=height_m,
        known_distance=known_distance,
        athlete_mass_kg=mass_kg,
        view=view,
        camera_tilt_deg=camera_tilt,
        filter=filter_method,
        cutoff_hz=cutoff_hz,
        intrinsics=intrinsics,
    )
    try:
        checked = read_parameters(PostprocessOptions, postprocess_options)
    except InvalidInput as error:
        error.message = in_words_of_options(error.message, video)
        raise
    run = VideoRun(
        video=video.absolute(),
        out=(out or Path("results") / video.stem).absolute(),
        pipeline=pipeline,
        uri=uri,
        start=start,
        count=count,
        batch=batch,
        in_flight=in_flight,
        frame_options=frame_options,
        postprocess_options=checked,
        overwrite=overwrite,
    )
    if out is None:
        run = replace(run, out=default_folder(run.out.parent, run.video, run.identity()))
    console = Console()
    shows_logs = verbose or is_verbose()
    with _placement(run, gateway, services, shows_logs, console) as placement:
        show_run(run, placement, truth, console)


def _given(**options: Any) -> dict[str, Any]:
    """The options that are not left out."""
    return {name: value for name, value in options.items() if value is not None}


@contextmanager
def _placement(
    run: VideoRun, gateway: str | None, services: bool, shows_logs: bool, console: Console
) -> Iterator[AbstractAsyncContextManager[Placement]]:
    if gateway is None and not services:
        from podium.freed_memory import keep_freed
        from podium.local.files_here import files_beside

        keep_freed()  # decoded frames of several megabytes come and go
        with files_beside(run) as files:
            from podium.local.run_here import in_process

            yield in_process(run, files)
        return
    from podium.local.log_lines import readable
    from podium.local.run_elsewhere import at_gateway, own_services

    if gateway is not None:
        yield at_gateway(run, gateway)
        return

    def show(service: str, line: str) -> None:
        console.print(f"{service}: {readable(line)}", markup=False, highlight=False, style="dim")

    yield own_services(run, show if shows_logs else None)
