"""Routes for what every page of the viewer loads."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from podium.viewer.assets import modules, plotly_js, style


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
