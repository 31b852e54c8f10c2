"""Adds routes that take operation id and description from a function's name and docstring."""

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
        router: The router that gets the route.
        method: Method of HTTP.
        path: Path below the prefix of the router.
        more: Further arguments of ``APIRouter.add_api_route``.
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
