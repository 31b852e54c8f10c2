"""The viewer of one results folder: a small server on loopback for ``podium view``."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from podium.viewer.assets import modules, plotly_js, style
from podium.viewer.page import served_page

MOTION_FILE = "motion.json"


def asset_routes() -> list[BaseRoute]:
    """Routes for modules, style and plotly.js, to mount below the path of the assets."""

    async def module(request: Request) -> Response:
        text = modules().get(f"podium/{request.path_params['name']}")
        if text is None:
            return Response("there is no such module", 404)
        return Response(text, media_type="text/javascript")

    async def css(_: Request) -> Response:
        return Response(style(), media_type="text/css")

    async def plotly(_: Request) -> Response:
        return Response(
            plotly_js(), media_type="text/javascript", headers={"cache-control": "max-age=86400"}
        )

    return [
        Route("/podium/{name:path}", module),
        Route("/viewer.css", css),
        Route("/plotly.js", plotly),
    ]


def folder_app(folder: Path, video: Path | None) -> Starlette:
    """The viewer of the results in ``folder``.

    Args:
        folder: The folder with ``motion.json``.
        video: The video of the results; None: only skeletons are shown.
    """
    html, policy = served_page(
        folder.name,
        assets="/assets",
        motion="/motion.json",
        video=None if video is None else "/video",
    )

    async def page(_: Request) -> Response:
        return HTMLResponse(html, headers={"content-security-policy": policy})

    async def motion(_: Request) -> Response:
        return FileResponse(folder / MOTION_FILE, media_type="application/json")

    async def film(_: Request) -> Response:
        return FileResponse(video) if video is not None else Response("there is no video", 404)

    return Starlette(
        routes=[
            Route("/", page),
            Route("/motion.json", motion),
            Route("/video", film),
            Mount("/assets", routes=asset_routes()),
        ],
        # Against DNS rebinding: a foreign page whose name leads here must not read the results.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
    )
