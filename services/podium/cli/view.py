"""``podium view``: shows the results in a folder of this machine in the browser."""

from __future__ import annotations

import socket
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from podium.errors import InvalidInput

if TYPE_CHECKING:
    from podium.schemas.corrections import CorrectionFile

HOST = "127.0.0.1"


@click.command("view")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument(
    "other", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option(
    "--video",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The video of the results. [default: its place at the time of the run]",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="[default: a free one]")
@click.option("--open/--no-open", "opens", default=True, help="Whether to open the browser.")
def command(
    *, folder: Path, other: Path | None, video: Path | None, port: int, opens: bool
) -> None:
    """Look at the results of a run: video with skeletons, 3D, curves, numbers.

    Serves FOLDER on loopback until Ctrl-C; nothing leaves this machine. Corrections made in the
    browser are kept in FOLDER/corrections.json, and the run is measured with them. With OTHER, two
    runs are compared: side by side, skeletons over each other, curves over the stride or the time.

    \b
    Examples:
      podium view results/sprint
      podium view results/sprint --video ~/clips/sprint.mp4 --port 8123
      podium view results/monday results/friday
    """  # noqa: D301 - \b is Click's mark for text that keeps its lines
    import uvicorn

    from podium.client.run_folder import video_of
    from podium.viewer.assets import plotly_js
    from podium.viewer.folder_app import MOTION_FILE, comparison_app, folder_app

    for field, each in {"FOLDER": folder, "OTHER": other}.items():
        if each is not None and not (each / MOTION_FILE).is_file():
            raise InvalidInput(
                f"{each} holds no {MOTION_FILE}; name the folder that `podium run` wrote",
                field=field,
            )
    plotly_js()  # a missing package is reported now
    video = video or video_of(folder)
    console = Console()
    if video is None:
        console.print("the video is not where it was; --video says where it is")
    if other is None:
        app, shown = folder_app(folder, video, _remeasure(folder)), f"{folder} is"
    else:
        app = comparison_app(folder, other, (video, video_of(other)))
        shown = f"{folder} and {other} are"
    with socket.create_server((HOST, port)) as listener:
        url = f"http://{HOST}:{listener.getsockname()[1]}/"
        console.print(f"{shown} at {url} until Ctrl-C", highlight=False)
        if opens:
            webbrowser.open(url)  # the browser waits until the server answers
        config = uvicorn.Config(app, log_level="warning")
        uvicorn.Server(config).run(sockets=[listener])


def _remeasure(folder: Path) -> Callable[[CorrectionFile], None] | None:
    """Measures the run of a folder with corrections; None: the folder has no key points of it."""
    if not (folder / "results.json").is_file():
        return None

    def remeasure(corrections: CorrectionFile) -> None:
        from podium.postprocess.remeasuring import correct  # slow to import

        correct(folder, corrections)

    return remeasure
