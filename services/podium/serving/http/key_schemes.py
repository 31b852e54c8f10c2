"""What the OpenAPI page says of API keys, so that its users can give theirs."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from podium.serving.http.keys import OPEN_PATHS

_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
}


def describe_keys(app: FastAPI) -> None:
    """Let the page say that every route but the open ones needs a key, in either of two headers."""
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            page = describe()
            page["components"]["securitySchemes"] = _SCHEMES
            page["security"] = [{name: []} for name in _SCHEMES]
            for path in OPEN_PATHS & page["paths"].keys():
                for operation in page["paths"][path].values():
                    operation["security"] = []
        assert app.openapi_schema is not None  # noqa: S101 - the framework keeps it
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
