"""The api as a Lambda behind API Gateway.

The app is made once for each process. What it opens for its life is opened by its first use and
ends with the process, so there is nothing to do between two requests.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from mangum import Mangum

from podium.api.app import create_app


@cache
def adapter() -> Mangum:
    """The app, behind events of API Gateway (HTTP APIs, payload 2.0)."""
    return Mangum(create_app(), lifespan="off")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one request; what is written in pieces is answered as a whole."""
    answer: dict[str, Any] = adapter()(event, context)
    return answer
