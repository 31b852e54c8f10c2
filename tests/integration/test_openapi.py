"""Requests made from each service's OpenAPI document: answered as it says, and never with a 5xx.

Names and versions are those that the document allows (any text) and those of the models that
there are, so that requests get past the look-up too.
"""

from __future__ import annotations

from contextlib import contextmanager

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

from podium.lab.bench.workloads import no_op_repository
from podium.local.settings import SERVICES
from podium.serving.hosting.model_service import ModelServiceSettings, create_model_service
from tests.support.service_thread import serving

AS_DECLARED = [status_code_conformance, content_type_conformance, response_schema_conformance]
CHECKS = [not_a_server_error, *AS_DECLARED]
CHANGES_MODELS = ("/load", "/unload")
ALIKE = ("pose2d", "pose3d")
"""They document what detection does."""

fuzz = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module", autouse=True)
def media():
    """Bodies of the types that a pipeline takes."""
    for kind in ("video/mp4", "image/jpeg"):
        schemathesis.openapi.media_type(kind, st.binary(max_size=200))


@contextmanager
def documented(url):
    """The operations that a service documents, what it serves, and a connection to it."""
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations()]
    with requests.Session() as session:
        served = session.post(f"{url}/v2/repository/index", b'{"ready": true}', timeout=10).json()
        yield operations, served, session


def cases(operation, served=()):
    """Requests that follow the document and requests that do not; some name what is served."""
    takes = operation.path_parameters
    named = [None, *({p.name: entry[p.name] for p in takes} for entry in served)]
    kinds = [GenerationMode.POSITIVE]
    if len(takes) or operation.body:
        kinds.append(GenerationMode.NEGATIVE)
    return st.one_of(
        operation.as_strategy(generation_mode=kind, path_parameters=known)
        for kind in kinds
        for known in named
    )


@pytest.mark.parametrize("examples", [6, pytest.param(40, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "service", [pytest.param(s, marks=[pytest.mark.slow] * (s in ALIKE)) for s in SERVICES]
)
def test_every_operation_answers_as_declared(stack, service, examples):
    with documented(stack.urls[service]) as (operations, served, session):
        assert len(operations) > 15
        for operation in operations:
            # Other tests need the models of these services.
            harmless = not operation.path.endswith(CHANGES_MODELS)

            @settings(fuzz, max_examples=examples)
            @given(cases(operation, served if harmless else ()))
            def answered(case):
                case.call_and_validate(session=session, timeout=30, checks=CHECKS)

            answered()


def test_services_of_models_document_the_same(stack):
    urls = (stack.urls[service] for service in ("detection", *ALIKE))
    documents = [requests.get(f"{url}/openapi.json", timeout=10).json()["paths"] for url in urls]
    assert documents[0] == documents[1] == documents[2]


@pytest.mark.parametrize("examples", [30, pytest.param(80, marks=pytest.mark.slow)])
def test_models_that_come_and_go_while_they_are_asked_for(model_repository, tmp_path, examples):
    models = no_op_repository(model_repository, tmp_path)
    with (
        serving(create_model_service("detection", ModelServiceSettings(models=models))) as url,
        documented(url) as (operations, served, session),
    ):
        about_models = [each for each in operations if "{name}" in each.path]

        @settings(fuzz, max_examples=examples)
        @given(st.one_of(cases(operation, served) for operation in about_models))
        def answered(case):
            response = case.call_and_validate(session=session, timeout=30, checks=AS_DECLARED)
            assert response.status_code < 500 or (
                response.status_code == 503 and case.path.endswith("/ready")
            )

        name = served[0]["name"]
        # Requests that are made up load and unload as well: each round begins with a load.
        for changes, ready in ((["load"], 200), (["load", "unload"], 503), (["load"], 200)):
            for change in changes:
                changed = session.post(f"{url}/v2/repository/models/{name}/{change}", timeout=30)
                assert changed.status_code == 200, (changed.text, name)
            asked = session.get(f"{url}/v2/models/{name}/ready", timeout=30)
            assert asked.status_code == ready
            answered()


def test_no_other_errors_are_declared(stack):
    for url in stack.urls.values():
        document = requests.get(f"{url}/openapi.json", timeout=10).json()
        for path, operations in document["paths"].items():
            for operation in operations.values():
                assert operation["responses"].keys() <= {"200", "4XX", "5XX", "503"}, path
                for error in ("4XX", "5XX"):
                    schema = operation["responses"][error]["content"]["application/json"]["schema"]
                    assert schema == {"$ref": "#/components/schemas/ErrorBody"}
        assert list(document["components"]["schemas"]["ErrorBody"]["properties"]) == ["error"]
