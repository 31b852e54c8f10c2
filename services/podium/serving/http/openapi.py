"""Additions to the OpenAPI document that the framework makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI


def amend_openapi(app: FastAPI, amend: Callable[[dict[str, Any]], None]) -> None:
    """Change the document of an app once, when it is first asked for."""
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            amend(describe())  # the framework keeps the document, so the changes stay
        assert app.openapi_schema is not None  # noqa: S101 - see above
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
