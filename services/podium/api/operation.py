"""A route whose operation is called like its function and described by its docstring."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import APIRouter

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def operation(
    router: APIRouter, method: str, path: str, **more: Any
) -> Callable[[Endpoint], Endpoint]:
    """Add the decorated function to a router.

    Args:
        router: Where to.
        method: Of HTTP.
        path: Below the prefix of the router.
        more: What ``APIRouter.add_api_route`` takes.
    """

    def add(endpoint: Endpoint) -> Endpoint:
        summary, _, description = (inspect.getdoc(endpoint) or "").partition("\n")
        router.add_api_route(
            path,
            endpoint,
            methods=[method],
            operation_id=endpoint.__name__,
            summary=summary.rstrip("."),
            description=description.strip(),
            **more,
        )
        return endpoint

    return add
