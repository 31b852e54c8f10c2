"""What the api says of itself: operations, errors, who may do what."""

from __future__ import annotations

import re
from pathlib import Path

import requests

from tests.support.api_world import ApiWorld

DOCS = Path(__file__).parents[2] / "docs" / "jobs.md"


def test_the_table_of_operations_is_what_the_api_has(api: ApiWorld) -> None:
    page = requests.get(f"{api.url}/openapi.json", timeout=10).json()
    rows = [
        f"| `{each['operationId']}` | `{method.upper()} {path}` | {each['summary']} |"
        for path, operations in page["paths"].items()
        if path.startswith("/v1/")
        for method, each in operations.items()
    ]
    assert re.findall(r"^\| `\w+` \| `[A-Z]+ .*$", DOCS.read_text(), re.MULTILINE) == rows


def test_without_a_key_there_is_nothing(api: ApiWorld) -> None:
    page = requests.get(f"{api.url}/openapi.json", timeout=10).json()
    for path, operations in page["paths"].items():
        for method in operations if path.startswith("/v1/") else ():
            address = api.url + re.sub(r"\{\w+\}", "1", path)
            for headers in ({}, {"x-api-key": "podium_wrong"}):
                answer = requests.request(method, address, headers=headers, timeout=10)
                assert answer.status_code == 401, (method, path)
                assert answer.json()["code"] == "unauthorized"
                assert answer.headers["content-type"] == "application/problem+json"


def test_names_that_no_file_can_have_are_not_found(api: ApiWorld) -> None:
    for name in ("x" * 2000, "../browser.py", "%00", "a/" * 2000, "no.js"):
        answer = requests.get(f"{api.url}/dashboard/{name}", timeout=60)
        assert answer.status_code == 404, name
    assert requests.get(f"{api.url}/dashboard/main.js", timeout=60).status_code == 200
