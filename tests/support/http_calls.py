"""Plain HTTP with the standard library: what any client without a library would send."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any


def post(
    url: str,
    body: bytes,
    content_type: str | None = None,
    *,
    timeout_s: float = 120,
    **headers: str,
) -> tuple[int, Any]:
    """Status and decoded JSON of a POST, whether it succeeds or not."""
    if content_type is not None:
        headers["content-type"] = content_type
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def post_json(url: str, value: object, **headers: str) -> tuple[int, Any]:
    """The same with a JSON body."""
    return post(url, json.dumps(value).encode(), "application/json", **headers)
