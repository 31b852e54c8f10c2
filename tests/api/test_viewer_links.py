"""Links to the viewer of a video: what they allow, until when, and corrections through them."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from tests.support.api_world import ApiWorld, api_world
from tests.support.fake_gateway import FakeGateway, fake_gateway
from tests.support.videos import write_video

CORRECTIONS = {
    "persons": [
        {
            "person": 0,
            "events": [],
            "keypoints": [
                {"frame": 3, "keypoint": "nose", "automatic_px": None, "corrected_px": [1.0, 2.0]}
            ],
        }
    ],
    "athletes": None,
}


@pytest.fixture(scope="module")
def gateway() -> Iterator[FakeGateway]:
    with fake_gateway() as running:
        yield running


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, gateway: FakeGateway) -> Iterator[ApiWorld]:
    folder = tmp_path_factory.mktemp("api")
    with api_world(folder, gateway_url=gateway.url) as world, world.controller():
        yield world


@pytest.fixture(scope="module")
def video(api: ApiWorld, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A video with results, and a motion.json among them."""
    clip = write_video(tmp_path_factory.mktemp("clip") / "sprint.mp4", 30)
    job = api.admin.wait(api.admin.submit(clip))
    (video,) = api.admin.get(f"/v1/videos?job_id={job['id']}")["items"]
    folder = video["video_results_path"]
    files = json.loads(b"".join(api.env.objects.read(f"{folder}/files.json")))
    motion = {**files[0], "name": "motion.json", "path": f"{folder}/motion.json"}
    api.env.objects.put(f"{folder}/motion.json", b"{}")
    api.env.objects.put(f"{folder}/files.json", json.dumps([*files, motion]).encode())
    return video


def link(api: ApiWorld, video: Any, **wanted: Any) -> tuple[str, str]:
    """The address, and when it ends."""
    got = api.admin.get(f"/v1/videos/{video['id']}/viewer", params=wanted)
    return api.url + got["url"], got["expires_at"]


def test_a_link_shows_results_without_a_key_until_it_expires(api: ApiWorld, video: Any) -> None:
    address, end = link(api, video, valid_s=3600)
    left = datetime.fromisoformat(end) - datetime.now(UTC)
    assert timedelta(minutes=55) < left <= timedelta(hours=1)
    page = requests.get(address, timeout=60)
    assert page.status_code == 200
    assert "data-corrections" not in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    for wrong in (
        address.replace("signature=", "signature=0"),
        re.sub(r"expires=(\d+)", "expires=9999999999", address),
        address.replace(f"/viewer/{video['id']}", f"/viewer/{video['id'] + 1}"),
        address + "&corrects=yes",
    ):
        assert requests.get(wrong, timeout=60).status_code == 403
    for valid_s in (59, 31 * 86400):
        got = api.admin("GET", f"/v1/videos/{video['id']}/viewer", params={"valid_s": valid_s})
        assert got.status_code == 422


def test_corrections_need_a_link_that_allows_them(
    api: ApiWorld, gateway: FakeGateway, video: Any
) -> None:
    reader = api.member(1, "jobs:read")
    path = f"/v1/videos/{video['id']}/viewer"
    assert reader("GET", path, params={"corrects": True}).status_code == 403
    assert api.stranger()("GET", path, params={"corrects": True}).status_code == 404
    shown, _ = link(api, video)
    page, _ = link(api, video, corrects=True)
    assert "data-corrections" in requests.get(page, timeout=60).text
    before = len(gateway.postprocessed)
    refused = requests.post(shown.replace("?", "/corrections?"), json=CORRECTIONS, timeout=60)
    assert refused.status_code == 403
    target = page.replace("?", "/corrections?")
    for wrong in ({"persons": [{"person": -1}]}, {"persons": 3}, []):
        assert requests.post(target, json=wrong, timeout=60).status_code == 400
    assert len(gateway.postprocessed) == before

    done = requests.post(target, json=CORRECTIONS, timeout=60)
    assert done.status_code == 200, done.text
    assert "motion.json" in done.json()["motion"]
    asked = gateway.postprocessed[-1]
    assert json.loads(asked["corrections"]) == CORRECTIONS
    files = api.admin.get(f"/v1/jobs/{video['job_id']}/results")["videos"][0]["files"]
    (kept,) = [file for file in files if file["name"] == "corrections.json"]
    assert requests.get(kept["url"], timeout=60).json() == CORRECTIONS


def test_what_postprocessing_refuses_is_said_and_keeps_the_files(
    api: ApiWorld, gateway: FakeGateway, video: Any
) -> None:
    folder = video["video_results_path"]
    motion = {"name": "motion.json", "path": f"{folder}/motion.json", "size_bytes": 2}
    api.env.objects.put(f"{folder}/files.json", json.dumps([motion]).encode())
    page, _ = link(api, video, corrects=True)
    works = gateway.fails
    gateway.fails = lambda body, tries: (400, "corrections.json: there is no person 0 in the run")
    try:
        done = requests.post(page.replace("?", "/corrections?"), json=CORRECTIONS, timeout=60)
    finally:
        gateway.fails = works
    assert done.status_code == 400
    assert "no person 0" in done.json()["detail"]
    assert json.loads(b"".join(api.env.objects.read(f"{folder}/files.json"))) == [motion]


def test_one_correction_of_a_video_is_measured_at_a_time(
    api: ApiWorld, gateway: FakeGateway, video: Any
) -> None:
    """Else whoever has a link could take every thread of the api."""
    page, _ = link(api, video, corrects=True)
    target = page.replace("?", "/corrections?")
    begun, go_on = threading.Event(), threading.Event()

    def slowly(body: dict[str, Any], tries: int) -> tuple[int, str]:
        begun.set()
        assert go_on.wait(60)
        return 400, "corrections.json: enough"

    works = gateway.fails
    gateway.fails = slowly
    try:
        with ThreadPoolExecutor(1) as executor:
            first = executor.submit(requests.post, target, json=CORRECTIONS, timeout=60)
            assert begun.wait(60)
            second = requests.post(target, json=CORRECTIONS, timeout=60)
            go_on.set()
            assert first.result().status_code == 400
    finally:
        go_on.set()
        gateway.fails = works
    assert second.status_code == 429
    assert second.headers["retry-after"] == "5"
