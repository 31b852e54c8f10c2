"""``podium view``: shows the results in a folder of this machine in the browser."""

from __future__ import annotations

import socket
import webbrowser
from pathlib import Path

import click
from rich.console import Console

from podium.errors import InvalidInput

HOST = "127.0.0.1"


@click.command("view")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--video",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The video of the results. [default: its place at the time of the run]",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="[default: a free one]")
@click.option("--open/--no-open", "opens", default=True, help="Whether to open the browser.")
def command(*, folder: Path, video: Path | None, port: int, opens: bool) -> None:
    """Look at the results of a run: video with skeletons, 3D, curves, numbers.

    Serves FOLDER on loopback until Ctrl-C; nothing leaves this machine.

    \b
    Examples:
      podium view results/sprint
      podium view results/sprint --video ~/clips/sprint.mp4 --port 8123
    """  # noqa: D301 - \b is Click's mark for text that keeps its lines
    import uvicorn

    from podium.client.run_folder import video_of
    from podium.viewer.assets import plotly_js
    from podium.viewer.folder_app import MOTION_FILE, folder_app

    if not (folder / MOTION_FILE).is_file():
        raise InvalidInput(
            f"{folder} holds no {MOTION_FILE}; name the folder that `podium run` wrote",
            field="FOLDER",
        )
    plotly_js()  # a missing package is reported now
    video = video or video_of(folder)
    console = Console()
    if video is None:
        console.print("the video is not where it was; --video says where it is")
    with socket.create_server((HOST, port)) as listener:
        url = f"http://{HOST}:{listener.getsockname()[1]}/"
        console.print(f"{folder} is at {url} until Ctrl-C", highlight=False)
        if opens:
            webbrowser.open(url)  # the browser waits until the server answers
        config = uvicorn.Config(folder_app(folder, video), log_level="warning")
        uvicorn.Server(config).run(sockets=[listener])
