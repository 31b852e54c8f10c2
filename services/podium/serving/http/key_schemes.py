"""What the OpenAPI page says of API keys, so that its users can give theirs."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from podium.serving.http.keys import OPEN_PATHS
from podium.serving.http.openapi import amend_openapi

_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
}


def describe_keys(app: FastAPI) -> None:
    """Let the page say that every route but the open ones needs a key, in either of two headers."""

    def amend(page: dict[str, Any]) -> None:
        page["components"]["securitySchemes"] = _SCHEMES
        page["security"] = [{name: []} for name in _SCHEMES]
        for path in OPEN_PATHS & page["paths"].keys():
            for operation in page["paths"][path].values():
                operation["security"] = []

    amend_openapi(app, amend)
