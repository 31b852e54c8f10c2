"""Requests made from the OpenAPI document: answered as it says, and never with a 5xx."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.api_world import ApiWorld
from tests.support.videos import write_video

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance,
    response_schema_conformance,
]  # fmt: skip

fuzz = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def session(api: ApiWorld, tmp_path_factory: pytest.TempPathFactory) -> Iterator[requests.Session]:
    """A session with the key of an administrator; there is one of every object."""
    admin = api.admin
    admin.post("/v1/user_groups", {"user_group_name": "g"})
    admin.post("/v1/users", {"user_name": "u", "user_email": "u@example.org", "group_id": 1})
    admin.post("/v1/pipeline_parameter_sets", {"pipeline_parameter_set_name": "s"})
    admin.post(
        "/v1/pipeline_parameters",
        {"pipeline_id": 1, "pipeline_parameter_set_id": 1, "pipeline_parameters_name": "p"},
    )
    admin.post("/v1/athletes", {"athlete_name": "a"})
    admin.submit(write_video(tmp_path_factory.mktemp("clip") / "v.mp4", 10))
    with requests.Session() as opened:
        opened.headers["x-api-key"] = admin.secret
        yield opened


@pytest.mark.parametrize("examples", [6, pytest.param(40, marks=pytest.mark.slow)])
def test_every_operation_answers_as_declared(
    api: ApiWorld, session: requests.Session, examples: int
) -> None:
    schema = schemathesis.openapi.from_url(f"{api.url}/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) > 65
    for operation in operations:
        names = re.findall(r"\{(\w+)\}", operation.path)
        known = [None, *([dict.fromkeys(names, 1)] if names else [])]
        if operation.method == "delete" and "api_keys" in operation.path:
            known = [dict.fromkeys(names, 999_999)]  # the key that all of them use
        cases = st.one_of(
            operation.as_strategy(generation_mode=kind, path_parameters=given_names)
            for kind in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
            for given_names in known
            if kind is GenerationMode.POSITIVE or names or operation.body or operation.query
        )

        @settings(fuzz, max_examples=examples)
        @given(cases)
        def answered(case: schemathesis.Case) -> None:
            case.call_and_validate(session=session, timeout=30, checks=CHECKS)

        answered()


def test_the_allow_header_names_the_methods_of_the_page(
    api: ApiWorld, session: requests.Session
) -> None:
    for path, operations in api.app.openapi()["paths"].items():
        answer = session.options(api.url + re.sub(r"\{\w+\}", "1", path), timeout=30)
        methods = {method.upper() for method in operations}
        assert answer.status_code == 405
        allowed = set(answer.headers["allow"].split(", "))
        assert allowed == methods | ({"HEAD"} if "GET" in methods else set()), path
