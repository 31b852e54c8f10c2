"""The dashboard: signing in, sending videos, seeing how they fare, getting results."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.dashboard.pages import HOSTILE, choose, sign_in, state
from tests.support.api_world import ApiWorld
from tests.support.browsers import grave_findings, patient_context
from tests.support.fake_gateway import FakeGateway

expect.set_options(timeout=60_000)


def test_a_key_lets_in_and_is_forgotten_with_the_tab(api: ApiWorld, page: Page) -> None:
    page.goto(api.url)
    key = page.get_by_label("API key")
    expect(key).to_be_focused()
    key.fill("podium_wrong")
    key.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not known")
    key.fill(api.admin.secret)
    key.press("Enter")
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    assert page.evaluate("localStorage.length + document.cookie.length") == 0
    assert api.admin.secret not in page.url + page.content()
    page.reload()
    expect(page.get_by_role("heading", name="New job")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_focused()
    assert page.evaluate("sessionStorage.length") == 0


def test_a_video_goes_in_and_results_come_out(
    api: ApiWorld, dashboard: Page, clip: Path, gateway: FakeGateway, tmp_path: Path
) -> None:
    asked: list[str] = []
    dashboard.on("request", lambda request: asked.append(request.url))
    gateway.delay_s = 0.3
    dashboard.get_by_label("Height of the athlete").fill("1.82")
    job = choose(dashboard, clip)
    expect(job).to_have_attribute("open", "")
    expect(state(job)).to_have_text("done")
    with dashboard.expect_download() as download:
        job.get_by_role("link", name="Key points of every frame").click()
    download.value.save_as(tmp_path / "got.csv")
    assert (tmp_path / "got.csv").read_text() == "frames\n30\n"
    made = api.admin.get("/v1/jobs?limit=1")["items"][0]
    assert made["job_parameters"]["postprocess"] == {"athlete_height_m": 1.82}
    assert all(url.startswith((api.url, "blob:", "data:")) for url in asked)


def test_failures_are_in_words_and_hostile_names_are_text(dashboard: Page, day: Path) -> None:
    job = choose(dashboard, day)
    expect(state(job)).to_have_text("done in part")
    expect(job.locator("summary .note").first).to_contain_text("1 of 2 videos lack results")
    videos = job.locator(".videos > li")
    expect(videos.nth(0)).to_contain_text(HOSTILE)
    expect(videos.nth(1)).to_contain_text("has no video in it, only audio")
    expect(job.get_by_role("link", name="athletes.json")).to_be_visible()
    assert dashboard.locator("img").count() == 0


def test_what_failed_is_tried_again_and_deleted(
    dashboard: Page, clip: Path, gateway: FakeGateway
) -> None:
    gateway.delay_s = 5.0
    job = choose(dashboard, clip)
    name = job.locator(".job-name").inner_text()
    job.get_by_role("button", name="Stop").click()
    expect(state(job)).to_have_text("stopped")
    gateway.delay_s = 0.0
    job.get_by_role("button", name="Try again what failed").click()
    expect(state(job)).to_have_text("done")
    count = dashboard.locator(".job", has_text=name).count()
    job.get_by_role("button", name="Delete").click()
    job.get_by_role("button", name="Delete it with all its results").click()
    expect(dashboard.locator(".job", has_text=name)).to_have_count(count - 1)


def test_a_file_can_be_dropped(dashboard: Page, clip: Path) -> None:
    before = dashboard.locator(".job").count()
    dashboard.evaluate(
        """(bytes) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "dropped.mp4"));
            const drop = document.querySelector(".drop");
            for (const kind of ["dragover", "drop"]) {
                const more = { dataTransfer: data, bubbles: true, cancelable: true };
                drop.dispatchEvent(new DragEvent(kind, more));
            }
        }""",
        list(clip.read_bytes()),
    )
    expect(dashboard.locator(".job")).to_have_count(before + 1)
    job = dashboard.locator(".job").first
    expect(job.locator(".job-name")).to_have_text("dropped.mp4")
    expect(state(job)).to_have_text("done")


def test_older_jobs_are_there_too(api: ApiWorld, page: Page, clip: Path) -> None:
    body = {"input": {"upload_id": api.admin.upload(clip)}, "pipeline_id": 1}
    ids = [api.admin.post("/v1/jobs", body, 202)["id"] for _ in range(4)]
    page.route(
        "**/v1/jobs?limit=50*",
        lambda r: r.continue_(url=r.request.url.replace("limit=50", "limit=2")),
    )
    sign_in(page, api)
    expect(page.locator(".job")).to_have_count(2)
    page.get_by_role("button", name="Older jobs").click()
    expect(page.locator(".job")).to_have_count(4)
    shown = [int(text.split()[1].strip(",")) for text in page.locator(".when").all_inner_texts()]
    assert shown == sorted(shown, reverse=True)
    assert shown == ids[::-1]


def test_by_keyboard_alone(dashboard: Page, clip: Path) -> None:
    job = choose(dashboard, clip)
    expect(state(job)).to_have_text("done")
    expect(job.get_by_role("link").first).to_be_visible()
    seen = []
    dashboard.locator("#sign-out").focus()
    for _ in range(12):
        dashboard.keyboard.press("Tab")
        seen.append(
            dashboard.evaluate(
                "(e => e.id || e.closest('label')?.htmlFor || e.tagName)(document.activeElement)"
            )
        )
    assert seen[:3] == ["pipeline", "height", "files"]
    assert {"SUMMARY", "A", "BUTTON"} <= set(seen)
    summary = dashboard.locator(".job > summary").first
    summary.focus()
    dashboard.keyboard.press("Enter")
    expect(dashboard.locator(".job").first).not_to_have_attribute("open", "")


def test_a_large_file_goes_in_parts_of_which_lost_ones_are_sent_again(
    api: ApiWorld, dashboard: Page, clip: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "large.zip", "w") as archive:
        archive.write(clip, "sprint.mp4")
        archive.writestr("notes.bin", os.urandom(18 << 20))
    tries: list[str] = []

    def sometimes(route: Route) -> None:
        tries.append(route.request.url.partition("number=")[2].partition("&")[0])
        if len(tries) == 1:
            route.fulfill(status=503)
        else:
            route.continue_()

    dashboard.route("**/v1/objects/**number=*", sometimes)
    job = choose(dashboard, tmp_path / "large.zip", within_s=60)
    expect(state(job)).to_have_text("done")
    assert len(tries) == len(set(tries)) + 1
    expect(job.get_by_role("link", name="notes.bin")).to_be_visible()


def test_without_a_stream_the_list_is_asked(
    dashboard: Page, clip: Path, gateway: FakeGateway
) -> None:
    dashboard.route("**/events", lambda route: route.fulfill(status=200, json={}))
    gateway.delay_s = 0.2
    job = choose(dashboard, clip)
    expect(state(job)).to_have_text("done")


@pytest.mark.parametrize(
    ("width", "scheme"), [(1440, "light"), (1440, "dark"), (390, "dark"), (390, "light")]
)
def test_nothing_is_in_the_way_of_anybody(
    api: ApiWorld, browser: Browser, day: Path, width: int, scheme: str
) -> None:
    context = patient_context(
        browser, viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    page.goto(api.url)
    page.get_by_label("API key").wait_for()
    assert grave_findings(page) == []
    sign_in(page, api)
    job = choose(page, day)
    expect(state(job)).to_contain_text("done")
    expect(job.locator(".files").first).to_be_visible()
    assert grave_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    low = page.evaluate(
        """() => [...document.querySelectorAll("button, .button, select, input:not(.unseen)")]
            .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 40)
            .map((e) => e.outerHTML)"""
    )
    assert low == []
    page.goto("about:blank")
    context.close()
