"""Pages at the ``type`` addresses of problem details."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from podium.api.problems import MEANING
from podium.errors import NotFound

router = APIRouter(prefix="/problems", include_in_schema=False)


@router.get("/{code}")
async def explain(code: str) -> Response:
    """Explain a kind of problem and its remedy."""
    for status, (known, title, remedy) in MEANING.items():
        if known == code:
            return PlainTextResponse(f"{title} ({status}, {code})\n\n{remedy}\n")
    raise NotFound(f"there is no problem called {code!r}")
