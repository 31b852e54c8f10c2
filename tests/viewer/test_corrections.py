"""Corrections in the browser: points and events move, and the service measures anew."""

from __future__ import annotations

import csv
import http.client
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from podium.postprocess.remeasuring import correct
from podium.viewer.folder_app import folder_app
from podium.viewer.page import embedded_viewer
from tests.support.browsers import audited_page
from tests.support.filmed_athlete import filmed
from tests.support.finished_runs import finished_run
from tests.viewer.pages import listening, shown_row, wait_for

SUMMARY = "summary.json"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    gait, trajectory = filmed(seconds=1.2)
    return finished_run(tmp_path_factory.mktemp("run"), trajectory, gait.height_m)


@pytest.fixture(scope="module")
def url(run: Path) -> Iterator[str]:
    with listening(folder_app(run, None, partial(correct, run))) as url:
        yield url


def value(run: Path, name: str) -> str:
    with (run / "measures.csv").open(newline="") as file:
        return next(row["value"] for row in csv.DictReader(file) if row["measure"] == name)


def test_an_event_is_moved_and_undone_and_the_measures_follow(
    run: Path, url: str, page: Page
) -> None:
    before = value(run, "contact_time_s")
    page.goto(url)
    page.wait_for_selector(".corrector")
    page.keyboard.press("c")
    contact = page.locator(".event-tables tr", has_text="contact").first
    contact.locator("button").first.click()  # its time: go there
    wait_for(page, "Number(document.querySelector('input[type=range]').value) > 0")
    at = shown_row(page)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    wait_for(page, f"document.querySelector('input[type=range]').value == {at - 2}")
    contact.get_by_text("To this frame").click()
    moved = page.locator(".event-tables tr.corrected")
    assert "moved from" in moved.inner_text()
    page.get_by_role("button", name="Undo").click()
    assert moved.count() == 0
    page.get_by_role("button", name="Redo").click()
    page.get_by_role("button", name="Measure again").click()
    wait_for(page, "document.querySelector('.warnings')?.innerText.includes('by hand')", 240)
    assert value(run, "contact_time_s") != before
    stored = json.loads((run / "corrections.json").read_bytes())
    (event,) = stored["persons"][0]["events"]
    assert event["event"] == "contact"
    assert event["corrected_s"] == pytest.approx(event["time_s"] - 2 / 60, abs=1 / 60)
    assert "moved from" in page.locator(".event-tables tr.corrected").inner_text()
    page.get_by_role("button", name="Undo").click()  # also after it was measured
    assert page.locator(".event-tables tr.corrected").count() == 0
    assert page.get_by_role("button", name="Measure again").is_enabled()


def test_a_point_is_dragged_and_measured_by_pointer_and_by_keys(
    run: Path, url: str, page: Page
) -> None:
    page.goto(url)
    page.wait_for_selector(".corrector")
    page.keyboard.press("End")
    page.keyboard.press("c")
    page.get_by_label("Key point").select_option(label="left knee")
    canvas = page.locator("canvas.overlay")
    canvas.focus()
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save corrections.json").click()
    saved = json.loads(Path(download.value.path()).read_bytes())
    (point,) = saved["persons"][0]["keypoints"]
    assert point["keypoint"] == "left_knee"
    (x, y), automatic = point["corrected_px"], point["automatic_px"]
    assert [x, y] == pytest.approx([automatic[0] + 30, automatic[1]], abs=0.2)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    scale = box["width"] / 2400
    page.mouse.move(box["x"] + x * scale, box["y"] + y * scale)
    page.mouse.down()
    page.mouse.move(box["x"] + (x + 100) * scale, box["y"] + (y - 40) * scale, steps=3)
    page.mouse.up()
    page.get_by_role("button", name="Measure again").click()
    wait_for(page, "document.querySelector('.warnings')?.innerText.includes('1 key point')", 240)
    (point,) = json.loads((run / "corrections.json").read_bytes())["persons"][0]["keypoints"]
    assert point["automatic_px"] == pytest.approx(automatic)  # still that of the model
    assert point["corrected_px"] == pytest.approx([x + 100, y - 40], abs=1)
    with (run / "keypoints.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["keypoint"] == "left_knee"]
    assert float(rows[-1]["x_px"]) == pytest.approx(point["corrected_px"][0])


def test_what_cannot_be_measured_is_said_and_nothing_is_kept(
    run: Path, url: str, page: Page
) -> None:
    before = (run / SUMMARY).read_bytes()
    host = urlsplit(url).netloc

    def send(body: str, **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(host, timeout=60)
        connection.request("POST", "/corrections", body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    as_json = {"content-type": "application/json"}
    wrong = json.dumps({"persons": [{"person": 9}]})
    assert send(wrong, **as_json) == (
        400,
        '{"detail":"corrections.json: there is no person 9 in the run"}',
    )
    status, text = send('{"persons": [{"person": "x"}]}', **as_json)
    assert (status, "persons.0.person" in text) == (400, True)
    assert send("{}", **as_json, origin="https://elsewhere.example")[0] == 403
    assert send("{}", **{"content-type": "text/plain"})[0] == 400
    assert (run / SUMMARY).read_bytes() == before


def test_a_report_offers_the_corrections_as_a_file(run: Path, tmp_path: Path, page: Page) -> None:
    body = "".join(embedded_viewer([(run / "motion.json").read_text()]))
    (tmp_path / "report.html").write_text(f"<!doctype html><meta charset=utf-8><body>{body}")
    page.goto((tmp_path / "report.html").as_uri())
    page.wait_for_selector(".corrector")
    page.keyboard.press("c")
    page.get_by_role("button", name="Add at this frame").click()
    assert page.get_by_role("button", name="Measure again").count() == 0
    with page.expect_download() as download:
        page.get_by_role("button", name="Save corrections.json").click()
    saved = json.loads(Path(download.value.path()).read_bytes())
    added = saved["persons"][0]["events"][-1]
    assert (added["time_s"], added["corrected_s"]) == (None, 0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_is_in_the_way_of_who_corrects(
    url: str, browser: Browser, scheme: Literal["light", "dark"]
) -> None:
    with audited_page(browser, scheme) as page:
        page.goto(url)
        page.wait_for_selector(".corrector")
        page.keyboard.press("c")
        page.wait_for_selector(".event-tables tr")
