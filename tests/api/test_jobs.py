"""Jobs over HTTP, from upload to results, with a gateway that answers at once."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import psutil
import pytest
import requests

from podium.api.settings import ApiSettings
from tests.support.api_world import ApiWorld, api_world
from tests.support.fake_gateway import FakeGateway, fake_gateway
from tests.support.videos import only_audio, write_video


@pytest.fixture(scope="module")
def gateway() -> Iterator[FakeGateway]:
    with fake_gateway() as running:
        yield running


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, gateway: FakeGateway) -> Iterator[ApiWorld]:
    with api_world(tmp_path_factory.mktemp("api"), gateway_url=gateway.url) as world:
        yield world


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clip") / "v.mp4", 30)


def test_a_video_goes_in_and_results_come_out(api: ApiWorld, clip: Path) -> None:
    body = {"input": {"upload_id": api.admin.upload(clip)}, "pipeline_id": 1}
    begun = api.admin("POST", "/v1/jobs", json=body)
    assert begun.status_code == 202
    assert begun.headers["location"] == f"/v1/jobs/{begun.json()['id']}"
    assert int(begun.headers["retry-after"]) >= 1
    waiting = api.admin("GET", begun.headers["location"])
    assert waiting.headers["retry-after"] == begun.headers["retry-after"]
    with api.controller():
        job = api.admin.wait(begun.json()["id"])
    assert (job["job_status"], job["progress"]["percent"]) == ("succeeded", 100)
    assert "retry-after" not in api.admin("GET", begun.headers["location"]).headers

    found = api.admin.get(f"/v1/jobs/{job['id']}/results")
    files = {file["name"]: file for file in found["videos"][0]["files"]}
    whole = requests.get(files["results.json"]["url"], timeout=10)
    assert [frame["index"] for batch in whole.json() for frame in batch["frames"]] == [*range(30)]
    # What people upload must not run as a page of ours.
    assert whole.headers["content-disposition"].startswith("attachment")
    assert whole.headers["content-security-policy"].startswith("sandbox")
    part = requests.get(files["results.json"]["url"], headers={"range": "bytes=2-5"}, timeout=10)
    assert (part.status_code, part.content) == (206, whole.content[2:6])
    manifest = requests.get(found["manifest"]["url"], timeout=10).json()
    assert manifest["videos"][0]["video_name"] == "v.mp4"

    videos = api.admin.get(f"/v1/videos?job_id={job['id']}")["items"]
    assert [video["video_status"] for video in videos] == ["succeeded"]
    batches = api.admin.get(f"/v1/frame_batches?video_id={videos[0]['id']}")["items"]
    assert sum(
        batch["frame_batch_end_number"] - batch["frame_batch_start_number"] + 1
        for batch in batches
    ) == 30  # fmt: skip
    assert api.admin.get("/v1/queue")["jobs"] == {}

    assert api.admin("DELETE", f"/v1/jobs/{job['id']}/data").json()["data_deleted_at"]
    assert requests.get(files["results.json"]["url"], timeout=10).status_code == 404
    assert api.admin("DELETE", f"/v1/jobs/{job['id']}").status_code == 204
    assert api.admin("GET", f"/v1/jobs/{job['id']}").status_code == 404


def test_of_a_zip_of_twenty_each_bad_file_is_named(
    api: ApiWorld, clip: Path, tmp_path: Path
) -> None:
    whole = clip.read_bytes()
    with zipfile.ZipFile(tmp_path / "day.zip", "w") as archive:
        for number in range(17):
            archive.writestr(f"good {number}.mp4", whole)
        archive.writestr("text.mp4", b"this is no video, whatever it is called")
        archive.writestr("broken.mp4", whole[: len(whole) // 3])
        archive.write(only_audio(tmp_path / "sound.mp4"), "sound.mp4")
        archive.writestr("athletes.json", json.dumps({"height_m": 1.8}))
    job_id = api.admin.submit(tmp_path / "day.zip")
    with api.controller():
        job = api.admin.wait(job_id, timeout_s=120)
    assert job["job_status"] == "partially_succeeded"
    videos = api.admin.get(f"/v1/videos?job_id={job_id}&limit=100")["items"]
    bad = {v["video_name"]: v["error"]["message"] for v in videos if v["error"]}
    assert set(bad) == {"text.mp4", "broken.mp4", "sound.mp4"}
    assert all(len(message) > 20 for message in bad.values())
    assert sum(video["video_status"] == "succeeded" for video in videos) == 17
    assert [file["name"] for file in job["other_files"]] == ["athletes.json"]
    assert job["progress"]["videos"] == {"total": 20, "succeeded": 17, "failed": 3}


def test_one_key_makes_one_job(api: ApiWorld, clip: Path) -> None:
    body = {"input": {"upload_id": api.admin.upload(clip)}, "pipeline_id": 1}
    headers = {"idempotency-key": "sprint of Tuesday"}
    first = api.admin("POST", "/v1/jobs", json=body, headers=headers)
    second = api.admin("POST", "/v1/jobs", json=body, headers=headers)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert first.headers["location"] == second.headers["location"]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    other = api.admin("POST", "/v1/jobs", json={**body, "job_name": "x"}, headers=headers)
    assert other.status_code == 422
    assert other.json()["errors"][0]["pointer"] == "Idempotency-Key"
    # What was refused leaves the key free for a better request.
    wrong = {**body, "pipeline_id": 999}
    assert api.admin("POST", "/v1/jobs", json=wrong, headers={"idempotency-key": "w"}).json()[
        "errors"
    ] == [{"detail": "there is no such object 999", "pointer": "#/pipeline_id"}]
    again = api.admin("POST", "/v1/jobs", json=body, headers={"idempotency-key": "w"})
    assert again.status_code == 202
    for job in (first, again):
        canceled = api.admin("POST", f"/v1/jobs/{job.json()['id']}/cancel")
        assert (canceled.status_code, canceled.json()["job_status"]) == (202, "canceling")
    with api.controller():
        assert api.admin.wait(first.json()["id"])["job_status"] == "canceled"
        assert api.admin.wait(again.json()["id"])["job_status"] == "canceled"


def test_failed_parts_are_tried_again_and_a_job_is_run_with_other_parameters(
    api: ApiWorld, gateway: FakeGateway, clip: Path
) -> None:
    gateway.fails = lambda body, _: (422, "broken here") if body.get("start") == 0 else None
    with api.controller():
        job_id = api.admin.submit(clip, job_parameters={"batch_frames": 10})
        job = api.admin.wait(job_id)
        assert job["job_status"] == "partially_succeeded"
        assert job["progress"]["frame_batches"] == {"total": 3, "succeeded": 2, "failed": 1}
        gateway.fails = lambda *_: None
        assert api.admin("POST", f"/v1/jobs/{job_id}/retry").status_code == 202
        assert api.admin.wait(job_id)["job_status"] == "succeeded"
        assert api.admin("POST", f"/v1/jobs/{job_id}/retry").status_code == 409

        changes = {"job_parameters": {"step": 2}}
        rerun = api.admin("POST", f"/v1/jobs/{job_id}/rerun", json=changes)
        assert rerun.status_code == 202
        other = api.admin.wait(rerun.json()["id"])
    assert (other["job_input"]["job_id"], other["job_status"]) == (job_id, "succeeded")
    assert other["job_parameters"]["step"] == 2


def test_wrong_options_are_named_before_anything_begins(api: ApiWorld, clip: Path) -> None:
    upload = api.admin.upload(clip)
    for parameters, pointer in (
        ({"frames": {"stride": 0}}, "#/job_parameters/frames/stride"),
        ({"frames": {"strid": 1}}, "#/job_parameters/frames/strid"),
        ({"frames": {"athlete": "tallest"}}, "#/job_parameters/frames/athlete"),
        ({"step": 0}, "#/job_parameters/step"),
    ):
        body = {
            "input": {"upload_id": upload}, "pipeline_id": 1, "job_parameters": parameters
        }  # fmt: skip
        answer = api.admin("POST", "/v1/jobs", json=body)
        assert answer.status_code == 422, parameters
        assert answer.json()["errors"][0]["pointer"] == pointer
    assert api.admin.get("/v1/queue")["jobs"] == {}


MANY = {f"{number}": [] for number in range(70_000)}


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (MANY, "body: has more than 256 keys"),
        ({"input": MANY, "pipeline_id": 1}, "input: has more than 256 keys"),
        (
            {
                "input": {"upload_id": 1},
                "pipeline_id": 1,
                "job_parameters": {"postprocess": MANY},
            },
            "job_parameters.postprocess: has more than 256 keys",
        ),
    ],
)
def test_many_wrong_keys_are_one_mistake(api: ApiWorld, body: Any, detail: str) -> None:
    answer = api.admin("POST", "/v1/jobs", json=body)
    assert (answer.status_code, answer.json()["detail"]) == (422, detail)
    assert len(answer.json()["errors"]) == 1


def test_a_trial_says_what_a_job_would_be_and_makes_nothing(api: ApiWorld, clip: Path) -> None:
    before = api.admin.get("/v1/jobs?limit=1")["items"]
    body = {
        "input": {"upload_id": api.admin.upload(clip)}, "pipeline_id": 1,
        "job_parameters": {"batch_frames": 8},
    }  # fmt: skip
    told = api.admin.post("/v1/jobs?dry_run=true", body, 200)
    assert (told["videos"], told["frames"], told["frame_batches"]) == (1, 30, 4)
    assert api.admin.get("/v1/jobs?limit=1")["items"] == before


def test_an_api_that_ends_leaves_no_process_behind(tmp_path: Path, clip: Path) -> None:
    with api_world(tmp_path) as world:
        body = {"input": {"upload_id": world.admin.upload(clip)}, "pipeline_id": 1}
        before = set(psutil.Process().children())
        world.admin.post("/v1/jobs?dry_run=true", body, 200)  # looks at the video
        started = set(psutil.Process().children()) - before
        assert started
    assert not any(process.is_running() for process in started)


def test_a_job_is_renamed_and_moved_into_another_class(api: ApiWorld, clip: Path) -> None:
    member = api.member(1)
    job = api.admin.get(f"/v1/jobs/{member.submit(clip, retain_days=9)}")
    path, seen = f"/v1/jobs/{job['id']}", {"if-match": f'"{job["version"]}"'}
    named = member("PUT", path, json={"job_name": "heats"}, headers=seen)
    assert (named.status_code, named.json()["job_name"]) == (200, "heats")
    late = member("PUT", path, json={"job_name": "finals"}, headers=seen)
    assert (late.status_code, late.json()["code"]) == (412, "outdated")
    for body, status in (
        ({"priority": "priority"}, 403), ({"priority": "standard"}, 200),
        ({"job_name": None}, 422), ({"priority": "urgent"}, 422), ({"job_status": "failed"}, 422),
    ):  # fmt: skip
        assert member("PUT", path, json=body).status_code == status, body
    raised = api.admin("PUT", path, json={"priority": "high-priority"}).json()
    assert (raised["priority"], raised["job_name"]) == ("high-priority", "heats")
    metrics = api.admin("GET", "/metrics").text
    assert 'podium_jobs{state="queued"} 1.0' in metrics
    with api.controller():
        ended = api.admin.wait(job["id"])
    assert ended["priority"] == "high-priority"
    kept = [
        member("PUT", path, json={"retain_days": days}).json()["retain_until"] for days in (2, None)
    ]
    until = datetime.fromisoformat(ended["finished_at"]) + timedelta(days=2)
    assert [kept[0] and datetime.fromisoformat(kept[0]), kept[1]] == [until, None]
    assert api.admin("PUT", path, json={"priority": "standard"}).status_code == 409


def test_a_key_that_asks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    with api_world(tmp_path, ApiSettings(requests_per_minute=4)) as world:
        other = world.member(1)
        statuses = [world.admin("GET", "/v1/me").status_code for _ in range(4)]
        refused = world.admin("GET", "/v1/me")
        assert (statuses, refused.status_code) == ([200] * 4, 429)
        assert 1 <= int(refused.headers["retry-after"]) <= 15
        told = refused.json()
        assert (told["code"], told["retryable"]) == ("overloaded", True)
        assert "4 times a minute" in told["detail"]
        assert other("GET", "/v1/me").status_code == 200


def test_pages_of_jobs_follow_each_other(api: ApiWorld) -> None:
    seen: list[int] = []
    path = "/v1/jobs?limit=2"
    while True:
        page = api.admin.get(path)
        seen += [job["id"] for job in page["items"]]
        if page["next_cursor"] is None:
            break
        path = f"/v1/jobs?limit=2&cursor={page['next_cursor']}"
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) >= 3
    ended = api.admin.get("/v1/jobs?status=canceled&status=failed")["items"]
    assert {job["job_status"] for job in ended} <= {"canceled", "failed"}
    assert api.admin("GET", "/v1/jobs?cursor=nonsense").status_code == 400
    assert api.admin("GET", "/v1/jobs?status=done").json()["errors"][0]["pointer"] == "status.0"


def test_a_file_comes_in_parts_and_goes_on_after_a_break(api: ApiWorld, tmp_path: Path) -> None:
    data = bytes(range(256)) * (17 << 12)  # 17 MiB: three parts
    begun = api.admin.post(
        "/v1/uploads", {"upload_name": "long.mp4", "size_bytes": len(data), "parts": True}
    )
    size = begun["part_size"]
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert [part["size_bytes"] for part in begun["parts"]] == [len(piece) for piece in pieces]

    sent = requests.put(begun["parts"][1]["url"], data=pieces[1], timeout=30)
    assert sent.status_code == 200
    cut = requests.put(begun["parts"][0]["url"], data=pieces[0][: 1 << 20], timeout=30)
    assert cut.status_code == 200
    lacking = api.admin("POST", f"/v1/uploads/{begun['id']}/complete")
    assert (lacking.status_code, "2 of 3 parts" in lacking.json()["detail"]) == (409, True)

    resumed = api.admin.get(f"/v1/uploads/{begun['id']}")["parts"]
    assert [part["url"] is None for part in resumed] == [False, True, False]
    assert f'"{resumed[1]["etag"]}"' == sent.headers["etag"]
    for part, piece in zip(resumed, pieces, strict=True):
        if part["url"]:
            assert requests.put(part["url"], data=piece, timeout=30).status_code == 200
    done = api.admin.post(f"/v1/uploads/{begun['id']}/complete", status=200)
    assert done["upload_status"] == "complete"
    stored = f"projects/{done['project_id']}/uploads/{done['id']}"
    assert b"".join(api.env.objects.read(stored)) == data


def test_an_address_allows_what_it_was_made_for(api: ApiWorld, clip: Path) -> None:
    begun = api.admin.post("/v1/uploads", {"upload_name": "a", "size_bytes": 100})

    def send(fields: dict[str, str], data: bytes, url: str = begun["url"]) -> requests.Response:
        return requests.post(url, data=fields, files={"file": data}, timeout=10)

    assert send(begun["fields"], b"x" * 101).status_code == 413
    assert send({**begun["fields"], "max_bytes": "5000"}, b"x" * 101).status_code == 403
    assert send({**begun["fields"], "expires": "99999999999"}, b"x").status_code == 403
    other = urljoin(begun["url"], "../1/uploads/999")
    assert send(begun["fields"], b"x", other).status_code == 403
    no_file = requests.post(begun["url"], files={"signature": b"x"}, timeout=10)
    assert (no_file.status_code, no_file.json()["errors"][0]["pointer"]) == (400, "#/file")
    assert requests.post(begun["url"], data=b"x", timeout=10).status_code == 400
    assert send(begun["fields"], b"x" * 50).status_code == 204
    short = api.admin("POST", f"/v1/uploads/{begun['id']}/complete")
    assert (short.status_code, short.json()["errors"][0]["pointer"]) == (422, "#/size_bytes")
    assert requests.get(begun["url"], timeout=10).status_code == 403
    large = requests.post(
        begun["url"], data=begun["fields"], files={"file": b"x" * (8 << 20)}, timeout=30
    )
    assert large.status_code == 413  # and not a connection that is closed on the sender
