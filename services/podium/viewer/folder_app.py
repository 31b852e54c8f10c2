"""The viewer of results folders: a small server on loopback for ``podium view``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from podium.errors import Forbidden, InvalidInput, PodiumError
from podium.schemas.corrections import CorrectionFile
from podium.viewer.asset_routes import asset_routes
from podium.viewer.correction_body import corrections_in
from podium.viewer.page import Trial, served_page

MOTION_FILE = "motion.json"
_ASSETS = "/assets"

Remeasure = Callable[[CorrectionFile], None]
"""Measures the run of the folder with these corrections. Raises PodiumError."""


def folder_app(folder: Path, video: Path | None, remeasure: Remeasure | None = None) -> Starlette:
    """The viewer of the results in ``folder``.

    Args:
        folder: The folder with ``motion.json``.
        video: The video of the results; None: only skeletons are shown.
        remeasure: None: corrections can only be saved as a file.
    """
    trial, routes = _trial("", folder, video)
    lock = asyncio.Lock()
    page = served_page(
        folder.name,
        trial,
        assets=_ASSETS,
        corrections=None if remeasure is None else "/corrections",
    )

    async def correct(request: Request) -> Response:
        try:
            if remeasure is None:
                raise Forbidden("corrections cannot be measured here")
            corrections = await _corrections(request)
            async with lock:
                await run_in_threadpool(remeasure, corrections)
        except PodiumError as error:
            return JSONResponse({"detail": error.message}, error.status)
        return JSONResponse({"motion": trial.motion})

    return _app(page, [*routes, Route("/corrections", correct, methods=["POST"])])


def comparison_app(first: Path, second: Path, videos: tuple[Path | None, Path | None]) -> Starlette:
    """The results in two folders, compared.

    Args:
        first: A folder with ``motion.json``.
        second: Another one.
        videos: Of both; None: only skeletons are shown.
    """
    one, routes = _trial("/first", first, videos[0])
    other, more = _trial("/second", second, videos[1])
    page = served_page(f"{one.name}, {other.name}", one, assets=_ASSETS, other=other)
    return _app(page, [*routes, *more])


def _trial(prefix: str, folder: Path, video: Path | None) -> tuple[Trial, list[BaseRoute]]:
    """The addresses of the results in a folder, and their routes."""

    async def motion(_: Request) -> Response:
        return FileResponse(folder / MOTION_FILE, media_type="application/json")

    async def film(_: Request) -> Response:
        return FileResponse(video) if video is not None else Response("there is no video", 404)

    trial = Trial(
        motion=f"{prefix}/{MOTION_FILE}",
        video=None if video is None else f"{prefix}/video",
        name=folder.resolve().name,
    )
    return trial, [Route(trial.motion, motion), Route(f"{prefix}/video", film)]


def _app(page: tuple[str, str], routes: list[BaseRoute]) -> Starlette:
    html, policy = page

    async def index(_: Request) -> Response:
        return HTMLResponse(html, headers={"content-security-policy": policy})

    return Starlette(
        routes=[Route("/", index), *routes, Mount(_ASSETS, routes=asset_routes())],
        # Against DNS rebinding: a foreign page whose name leads here must not read the results.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
    )


async def _corrections(request: Request) -> CorrectionFile:
    """The body of a request of our own page.

    Raises:
        Forbidden: another site has sent it.
        InvalidInput, TooLarge: it holds no corrections.
    """
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers["host"]:
        raise Forbidden("corrections come from the page of this server only")
    if request.headers.get("content-type") != "application/json":  # a form needs no preflight
        raise InvalidInput("send application/json", field="content-type")
    return await corrections_in(request)
