"""Pages for browsers: the dashboard at ``/`` and the viewer of a video's results.

The pages send requests only to the api and to the store of uploads and results.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import Field
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount

from podium.api.answers import answer
from podium.api.caller import Reader
from podium.api.operation import operation
from podium.dashboard import STATIC
from podium.errors import Forbidden, NotFound, Overloaded
from podium.jobs.correcting import correct
from podium.jobs.environment import Environment
from podium.jobs.objects import Objects
from podium.jobs.principal import SYSTEM
from podium.jobs.results import listed
from podium.jobs.signing import Signer
from podium.jobs.sql import views
from podium.schemas.base import Closed, Id
from podium.schemas.jobs import Video, ViewerAddress
from podium.viewer.asset_routes import asset_routes
from podium.viewer.correction_body import corrections_in
from podium.viewer.folder_app import MOTION_FILE
from podium.viewer.page import Trial, served_page

VIEWER = "/viewer"
MAX_VALID_S = 30 * 86400
MOST_CORRECTED = 2
"""Videos that are corrected at the same time at a replica; each takes a thread for its whole
postprocessing, and an address for it needs no key."""
_ASSETS = f"{VIEWER}/assets"
_HEADERS = {
    "cache-control": "no-cache",  # a new version is seen at once; the ETag saves the transfer
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class ViewerWanted(Closed):
    """Permissions and validity of a viewer's address."""

    valid_s: int | None = Field(default=None, ge=60, le=MAX_VALID_S)
    """Time until it expires; default: as other signed addresses."""

    corrects: bool = False
    """Whether whoever has it may correct the results; needs a key that may write."""


def browser_router(env: Environment, signer: Signer) -> APIRouter:
    """The pages, and what they need.

    Args:
        env: With the results.
        signer: Of addresses of the viewer.
    """
    router = APIRouter()
    origins = _origins(env.objects)
    policy = _policy(origins)
    corrected: set[int] = set()
    files = {path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*.*")}

    def file(name: str) -> Response:
        path = files.get(name)  # never a path made of what was asked for
        if path is None:
            raise NotFound(f"the dashboard has no {name[:80]!r}")
        return FileResponse(path, headers={**_HEADERS, "content-security-policy": policy})

    @router.get("/", include_in_schema=False)
    def index() -> Response:
        return file("index.html")

    @router.get("/dashboard/{name:path}", include_in_schema=False)
    def part(name: str) -> Response:
        return file(name)

    @operation(
        router,
        "GET",
        "/v1/videos/{video_id}/viewer",
        tags=["videos"],
        response_model=ViewerAddress,
    )
    def get_video_viewer(
        caller: Reader, video_id: Id, wanted: Annotated[ViewerWanted, Query()]
    ) -> Response:
        """Get a signed address of the page that shows the results of a video.

        Whoever has the address sees the results until it expires, without a key.
        """
        if wanted.corrects:
            caller.principal.require("jobs:write")
        video = caller.look(partial(views.video, video_id=video_id))
        if _motion(env, video.video_results_path) is None:
            raise NotFound(f"video {video_id} has no results to look at")
        seconds = float(wanted.valid_s or env.timing.signed_s)
        allowed = {"corrects": "yes"} if wanted.corrects else {}
        url = signer.url("view", str(video_id), seconds=seconds, **allowed)
        return answer(ViewerAddress(url=url, expires_at=env.now() + timedelta(seconds=seconds)))

    @router.get(VIEWER + "/{video_id}", include_in_schema=False)
    def view(request: Request, video_id: Id) -> Response:
        allowed = signer.check("view", str(video_id), dict(request.query_params))
        video = env.database.look(SYSTEM, partial(views.video, video_id=video_id))
        motion = _motion(env, video.video_results_path)
        if motion is None:
            raise NotFound(f"the results of video {video_id} are deleted")
        html, page_policy = served_page(
            video.video_name,
            Trial(motion=_address(env, motion, MOTION_FILE), video=_film(env, video)),
            assets=_ASSETS,
            corrections=f"{VIEWER}/{video_id}/corrections?{request.url.query}"
            if "corrects" in allowed
            else None,
            origins=origins,
        )
        return HTMLResponse(html, headers={**_HEADERS, "content-security-policy": page_policy})

    @router.post(VIEWER + "/{video_id}/corrections", include_in_schema=False)
    async def correct_results(request: Request, video_id: Id) -> Response:
        allowed = signer.check("view", str(video_id), dict(request.query_params))
        if "corrects" not in allowed:
            raise Forbidden("this address shows results, but may not correct them")
        corrections = await corrections_in(request)
        if video_id in corrected or len(corrected) >= MOST_CORRECTED:
            raise Overloaded("other corrections are being measured; try again", retry_after_s=5)
        corrected.add(video_id)
        try:
            await run_in_threadpool(correct, env, video_id, corrections)
        finally:
            corrected.discard(video_id)
        video = await run_in_threadpool(
            env.database.look, SYSTEM, partial(views.video, video_id=video_id)
        )
        motion = f"{video.video_results_path}/{MOTION_FILE}"
        return JSONResponse({"motion": _address(env, motion, MOTION_FILE)}, headers=_HEADERS)

    return router


def viewer_assets() -> Mount:
    """Modules, style and plotly.js of the viewer."""
    return Mount(_ASSETS, routes=asset_routes())


def _motion(env: Environment, folder: str) -> str | None:
    """The object that the viewer reads; None where there is none."""
    for each in listed(env, folder):
        if each["name"] == MOTION_FILE:
            return str(each["path"])
    return None


def _film(env: Environment, video: Video) -> str | None:
    """The video itself; None where it is deleted, or was never in our store."""
    if "://" in video.video_path:
        return None
    try:
        env.objects.size_bytes(video.video_path)
    except NotFound:
        return None
    return _address(env, video.video_path, video.video_name.rpartition("/")[2])


def _address(env: Environment, key: str, name: str) -> str:
    return env.objects.download_url(key, seconds=env.timing.signed_s, name=name)


def _origins(objects: Objects) -> tuple[str, ...]:
    """Where the store answers browsers."""
    urls = (
        objects.download_url("origin", seconds=1.0, name="origin"),
        objects.upload_form("origin", max_bytes=1, seconds=1.0).url,
    )
    parts = [urlsplit(url) for url in urls]
    return tuple(sorted({f"{part.scheme}://{part.netloc}" for part in parts}))


def _policy(origins: Sequence[str]) -> str:
    data = " ".join(("'self'", *origins))
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src {data} data: blob:; "
        f"media-src {data} blob:; font-src 'self'; connect-src {data}; form-action {data}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
