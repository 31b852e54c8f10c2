"""The api as a Lambda behind API Gateway.

The app is created once per process. Its resources are opened at first use and end with the process,
so nothing is done between two requests.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from mangum import Mangum

from podium.api.app import create_app
from podium.api.event_routes import EVENT_STREAM


@cache
def adapter() -> Mangum:
    """The adapter from events of API Gateway (HTTP APIs, payload 2.0) to the app."""
    return Mangum(create_app(), lifespan="off")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one request.

    API Gateway takes only whole answers within 30 s. So a request for a stream of events is
    answered with a page of the events so far, and the client asks again.
    """
    headers = event.get("headers", {})
    if EVENT_STREAM in headers.get("accept", ""):
        event = {**event, "headers": {**headers, "accept": "application/json"}}
    answer: dict[str, Any] = adapter()(event, context)
    return answer
