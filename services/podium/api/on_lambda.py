"""The api as a Lambda behind API Gateway.

The app is made once for each process. What it opens for its life is opened by its first use and
ends with the process, so there is nothing to do between two requests.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from mangum import Mangum

from podium.api.app import create_app
from podium.api.event_routes import EVENT_STREAM


@cache
def adapter() -> Mangum:
    """The app, behind events of API Gateway (HTTP APIs, payload 2.0)."""
    return Mangum(create_app(), lifespan="off")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one request.

    An answer is sent when it is whole, and after 30 s there is none. So who asks for a stream of
    events gets what there is, as a page, and asks again.
    """
    headers = event.get("headers", {})
    if EVENT_STREAM in headers.get("accept", ""):
        event = {**event, "headers": {**headers, "accept": "application/json"}}
    answer: dict[str, Any] = adapter()(event, context)
    return answer
