"""The OpenAPI page at ``/docs``. Its scripts come from a package: it works without internet."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

DOCS_ASSETS = "/docs/assets"
"""Where the page has its script and style from."""


def documented_app(**options: Any) -> FastAPI:
    """An app with the page; ``options`` are those of ``FastAPI``."""
    return FastAPIOffline(docs_url="/docs", redoc_url=None, static_url=DOCS_ASSETS, **options)
