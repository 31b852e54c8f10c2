"""Describes errors as problem details in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from podium.api.problems import PROBLEM_TYPE
from podium.schemas.problems import Problem
from podium.serving.http.openapi import amend_openapi

_REF = "#/components/schemas/"


def describe_problems(app: FastAPI) -> None:
    """Add problem details to every route under ``/v1``."""

    def amend(page: dict[str, Any]) -> None:
        whole = Problem.model_json_schema(ref_template=f"{_REF}{{model}}")
        page["components"]["schemas"] |= {**whole.pop("$defs", {}), "Problem": whole}
        content = {PROBLEM_TYPE: {"schema": {"$ref": f"{_REF}Problem"}}}
        for path, operations in page["paths"].items():
            if path.startswith("/v1/"):
                for operation in operations.values():
                    for status in ("4XX", "5XX"):
                        operation["responses"][status]["content"] = content

    amend_openapi(app, amend)
