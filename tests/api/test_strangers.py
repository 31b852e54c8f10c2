"""A key sees its own project alone, on every route that there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from podium.api import event_routes
from tests.support.api_world import ApiWorld, Client, api_world
from tests.support.fake_gateway import fake_gateway
from tests.support.videos import write_video
from tests.support.waiting import blocking_until

BODIES: dict[str, Any] = {
    "update_pipeline": {"pipeline_name": "mine"},
    "update_pipeline_parameter_set": {"pipeline_parameter_set_name": "mine"},
    "update_pipeline_parameters": {"pipeline_parameters_name": "mine"},
    "update_athlete": {"athlete_name": "mine"},
    "update_webhook": {"enabled": False},
    "rerun_job": {},
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiWorld]:
    """One api in which the first project has one of everything."""
    folder = tmp_path_factory.mktemp("api")
    with (
        fake_gateway() as gateway,
        api_world(folder, gateway_url=gateway.url, private_webhooks=True) as world,
    ):
        owner = world.member(1)
        world.admin.post("/v1/user_groups", {"user_group_name": "g"})
        user = {"user_name": "u", "user_email": "u@example.org", "group_id": 1}
        world.admin.post("/v1/users", user)
        owner.post("/v1/pipeline_parameter_sets", {"pipeline_parameter_set_name": "s"})
        owner.post("/v1/pipelines", {
            "pipeline_name": "own", "pipeline_endpoint": "/v1/pipelines/own"
        })  # fmt: skip
        owner.post("/v1/pipeline_parameters", {
            "pipeline_id": 2, "pipeline_parameter_set_id": 1, "pipeline_parameters_name": "p"
        })  # fmt: skip
        owner.post("/v1/athletes", {"athlete_name": "a"})
        owner.post("/v1/webhooks", {"webhook_url": f"{gateway.url}/hook"})
        with world.controller():
            owner.wait(owner.submit(write_video(folder / "v.mp4", 10)))
        yield world


def operations(api: ApiWorld) -> Iterator[tuple[str, str, str]]:
    page = requests.get(f"{api.url}/openapi.json", timeout=10).json()
    for path, methods in page["paths"].items():
        for method, operation in methods.items():
            if path.startswith("/v1/"):
                yield method.upper(), path, operation["operationId"]


def test_a_stranger_finds_nothing_on_any_route(api: ApiWorld) -> None:
    stranger = api.stranger()
    walked = 0
    for method, path, name in operations(api):
        if path.endswith("/pipelines/{pipeline_id}"):
            address = path.replace("{pipeline_id}", "2")  # the first belongs to all
        else:
            address = re.sub(r"\{\w+\}", "1", path)
        owned = api.admin("GET", address) if method == "GET" and "{" in path else None
        assert owned is None or owned.status_code in (200, 404), name
        if name.startswith(("list_", "get_")) and "{" not in path:
            answer = stranger("GET", address)
            assert answer.status_code == 200, name
            if name == "list_pipelines":
                assert [each["project_id"] for each in answer.json()["items"]] == [None]
            elif name in ("list_projects", "list_api_keys"):
                assert len(answer.json()["items"]) == 1, name
            elif name.startswith("list_"):
                assert answer.json()["items"] == [], name
        elif "{" in path:
            answer = stranger(method, address, json=BODIES.get(name, {}))
            forbidden = name.endswith(("_user", "_user_group", "_project")) and method != "GET"
            assert answer.status_code == (403 if forbidden else 404), (name, answer.text)
        walked += 1
    assert walked > 65
    # All that was walked over is still there.
    assert api.admin.get("/v1/jobs/1")["job_status"] == "succeeded"
    assert api.admin.get("/v1/athletes/1")["athlete_name"] == "a"


def test_the_objects_of_others_are_not_named_either(api: ApiWorld) -> None:
    stranger = api.stranger()
    for given in ({"upload_id": 1}, {"job_id": 1}, {"video_ids": [1]}):
        answer = stranger("POST", "/v1/jobs", json={"input": given, "pipeline_id": 1})
        assert answer.status_code == 422, answer.text
    own = {"input": {"upload_id": 1}, "pipeline_id": 2}
    refused = stranger("POST", "/v1/jobs", json=own)
    assert refused.json()["errors"][0]["pointer"] == "#/pipeline_id"
    assert stranger("POST", "/v1/api_keys", json={
        "api_key_name": "k", "project_id": 1
    }).status_code in (403, 422)  # fmt: skip


@pytest.mark.parametrize(
    ("scopes", "reads", "writes"), [(["jobs:read"], 200, 403), (["jobs:write"], 403, 201)]
)
def test_a_key_does_what_its_scopes_say(
    api: ApiWorld, scopes: list[str], reads: int, writes: int
) -> None:
    client = api.member(1, *scopes)
    assert client("GET", "/v1/jobs").status_code == reads
    made = client("POST", "/v1/athletes", json={"athlete_name": "b"})
    assert made.status_code == writes
    assert client("POST", "/v1/projects", json={"project_name": "p"}).status_code == 403
    for wider in (["admin"], ["jobs:read", "jobs:write"]):
        key = client("POST", "/v1/api_keys", json={"api_key_name": "k", "scopes": wider})
        assert key.status_code == 403, wider


def test_a_key_is_changed_for_another_and_ends_at_once(api: ApiWorld) -> None:
    old = api.admin.post("/v1/api_keys", {"api_key_name": "old", "user_id": 1})
    first = Client(api.url, old["secret"])
    new = first.post("/v1/api_keys", {"api_key_name": "new", "user_id": 1})
    third = first("POST", "/v1/api_keys", json={"api_key_name": "x", "user_id": 1})
    assert third.status_code == 409
    second = Client(api.url, new["secret"])
    assert second("DELETE", "/v1/api_keys/1").status_code == 403  # not this user's
    assert second.get("/v1/me") == first.get("/v1/me")
    assert second("DELETE", f"/v1/api_keys/{old['id']}").status_code == 200
    assert first("GET", "/v1/me").status_code == 401
    assert "secret" not in second.get(f"/v1/api_keys/{new['id']}")


def test_an_object_that_was_changed_meanwhile_is_not_overwritten(
    api: ApiWorld, tmp_path: Path
) -> None:
    made = api.admin("POST", "/v1/athletes", json={"athlete_name": "c"})
    path, seen = made.headers["location"], made.headers["etag"]
    changed = api.admin("PUT", path, json={"athlete_mass_kg": 70}, headers={"if-match": seen})
    assert (changed.status_code, changed.json()["athlete_name"]) == (200, "c")
    for method in ("PUT", "DELETE"):
        late = api.admin(method, path, json={"athlete_mass_kg": 80}, headers={"if-match": seen})
        assert (late.status_code, late.json()["code"]) == (412, "outdated")
    now = changed.headers["etag"]
    assert api.admin("GET", path).headers["etag"] == now
    assert api.admin("DELETE", path, headers={"if-match": now}).status_code == 204


def test_streams_of_one_project_leave_room_for_others(
    api: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes the place of a request: who asks for one too many gets a page."""
    monkeypatch.setattr(event_routes, "MOST_OF_A_PROJECT", 2)
    owner, stranger = api.member(1), api.stranger()
    (api.folder / "more").mkdir(exist_ok=True)
    video = write_video(api.folder / "more" / "v.mp4", 3)
    mine, theirs = (client.submit(video) for client in (owner, stranger))  # no controller runs

    def asked(client: Client, job_id: int) -> requests.Response:
        accept = {"accept": "text/event-stream"}
        return client("GET", f"/v1/jobs/{job_id}/events", headers=accept, stream=True)

    with ExitStack() as opened:
        first, second = (opened.enter_context(asked(owner, mine)) for _ in range(2))
        for stream in (first, second):
            assert stream.headers["content-type"].startswith("text/event-stream")
        told = [stream.iter_content(1) for stream in (first, second)]
        assert [next(each) for each in told] == [b"r", b"r"]  # they count from their first byte
        with asked(owner, mine) as third:
            assert third.headers["content-type"] == "application/json"
            assert third.json()["items"] == []  # the job has not begun
        with asked(stranger, theirs) as other:
            assert other.headers["content-type"].startswith("text/event-stream")
        first.close()

        def is_open_again() -> bool:
            with asked(owner, mine) as again:
                return again.headers["content-type"].startswith("text/event-stream")

        blocking_until(is_open_again)
