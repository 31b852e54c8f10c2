"""Every operation of a real api by its name; what is wrong is said before or by the api."""

from __future__ import annotations

import subprocess
import sys

import pytest

import podium
from podium.client.jobs.operations import OPERATIONS
from podium.errors import InvalidInput, NotFound, Outdated, Unavailable, Unprocessable
from tests.support.api_world import ApiWorld


def test_the_table_is_what_the_api_says_of_itself(api: ApiWorld) -> None:
    page = api.app.openapi()
    described = {
        operation["operationId"]: (method.upper(), path, "requestBody" in operation)
        for path, operations in page["paths"].items()
        for method, operation in operations.items()
        if path.startswith("/v1/")
    }
    ours = {
        name: (operation.method, operation.path, operation.body is not None)
        for name, operation in OPERATIONS.items()
    }
    assert ours == described


def test_queries_and_keys_are_those_of_the_api(api: ApiWorld) -> None:
    for path, operations in api.app.openapi()["paths"].items():
        for operation in operations.values():
            ours = OPERATIONS.get(operation["operationId"])
            if ours is None:
                assert not path.startswith("/v1/")
                continue
            given = {(each["in"], each["name"].lower()) for each in operation.get("parameters", [])}
            query = {name for place, name in given if place == "query"}
            assert query - {"limit", "cursor", "dry_run"} == set(ours.query), ours.name
            assert (("header", "idempotency-key") in given) == ours.is_keyed, ours.name
            assert (("header", "if-match") in given) == ours.has_versions, ours.name


def test_the_way_of_the_original(client: podium.Client) -> None:
    pipeline = client.create_pipeline(
        {
            "pipeline_name": "mine",
            "pipeline_description": "of mine",
            "pipeline_endpoint": "/v1/pipelines/mine",
        }
    )
    project = client.create_project(project_name="club", project_concurrency=4)
    assert client.get_project(project.id).project_concurrency == 4
    parameter_set = client.create_pipeline_parameter_set(pipeline_parameter_set_name="sprints")
    client.create_pipeline_parameters(
        pipeline_id=pipeline.id,
        pipeline_parameter_set_id=parameter_set.id,
        pipeline_parameters_name="sprints",
        pipeline_parameters_value={"postprocess": {"cutoff_hz": 10.0}},
    )
    group = client.create_user_group(
        user_group_name="coaches", pipeline_parameter_set_id=parameter_set.id
    )
    user = client.create_user(user_name="Ada", user_email="ada@club.example", group_id=group.id)
    assert [each.user_name for each in client.list_users()] == ["Ada"]
    renamed = client.update_user(user.id, {"user_name": "Ada B."}, version=user.version)
    with pytest.raises(Outdated) as outdated:
        client.update_user(user.id, {"user_name": "Eve"}, version=user.version)
    assert isinstance(outdated.value, podium.ApiError)
    assert outdated.value.code == "outdated"
    client.delete_user(user.id, version=renamed.version)
    assert client.list_users() == []


def test_errors_have_code_request_and_field(client: podium.Client) -> None:
    with pytest.raises(NotFound) as missing:
        client.get_pipeline(999_999)
    assert isinstance(missing.value, podium.ApiError)
    assert missing.value.code == "not_found"
    assert missing.value.request_id
    assert not missing.value.retryable
    with pytest.raises(Unprocessable) as wrong:
        client.create_user(user_name="Ada", user_email="ada@club.example", group_id=999_999)
    assert isinstance(wrong.value, podium.ApiError)
    assert wrong.value.field == "group_id"


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda c: c.create_pipeline(pipeline_name="x"), "pipeline_endpoint"),
        (lambda c: c.create_pipeline({"pipeline_nam": "x"}), "pipeline_"),
        (lambda c: c.get_pipeline("3"), "pipeline_id"),
        (lambda c: c.get_pipeline(), "pipeline_id"),
        (lambda c: c.list_jobs(state="failed"), "status"),
        (lambda c: c.create_user({"user_name": "x"}, user_email="y"), "create_user"),
    ],
)
def test_mistakes_are_found_before_anything_is_sent(client: podium.Client, call, named) -> None:
    with pytest.raises(InvalidInput, match=named) as wrong:
        call(client)
    assert not isinstance(wrong.value, podium.ApiError)


def test_lists_are_read_to_their_end(client: podium.Client, monkeypatch) -> None:
    monkeypatch.setattr("podium.client.jobs.core._PAGE", 3)
    made = [client.create_athlete(athlete_name=f"a{number}").id for number in range(8)]
    assert [each.id for each in client.list_athletes()] == made
    assert [each.id for each in client.list_athletes(limit=5)] == made[:5]


def test_unknown_operations_are_no_attributes(client: podium.Client) -> None:
    with pytest.raises(AttributeError):
        client.create_unicorn()
    assert "create_pipeline" in dir(client)


def test_nobody_there_says_what_to_do() -> None:
    client = podium.Client("http://127.0.0.1:9", api_key="x")
    with pytest.raises(Unavailable, match=r"Connection refused.*podium configure"):
        client.list_jobs()
    client.close()


@pytest.mark.parametrize(
    "code",
    [
        "client = podium.Client(); print(len(client.list_pipelines()))",
        "print(len(podium.Client().list_pipelines()))",
        "(lambda: podium.Client().list_pipelines())(); gc.collect(); print(1)",
    ],
)
def test_a_program_ends_quietly_without_closing_its_client(
    api: ApiWorld, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    monkeypatch.setenv("PODIUM_ENDPOINT_URL", api.url)
    monkeypatch.setenv("PODIUM_API_KEY", api.admin.secret)
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", f"import gc, podium; {code}"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert int(done.stdout) >= 1
    assert (done.returncode, done.stderr) == (0, "")


def test_a_closed_client_says_so(api: ApiWorld) -> None:
    client = podium.Client(api.url, api_key=api.admin.secret)
    client.close()
    client.close()
    with pytest.raises(InvalidInput, match="closed"):
        client.list_jobs()


async def test_the_same_in_a_loop(api: ApiWorld) -> None:
    async with podium.AsyncClient(api.url, api_key=api.admin.secret) as client:
        assert {each.pipeline_name for each in await client.list_pipelines()} >= {"pose-3d"}
    with podium.Client(api.url, api_key=api.admin.secret) as blocking:  # as in a notebook
        assert blocking.list_pipelines()
