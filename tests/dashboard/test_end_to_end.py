"""The bundled clip through `podium up`, as people do it: in a browser, in Python, in a shell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import podium
from podium.local.stack import Stack
from tests.dashboard.pages import choose, state

CLIP = Path(podium.__file__).parent / "lab/athlete/clips/sprint.mp4"
FRAMES = 60
LONGEST_S = 240.0
"""For machines that are busy with other tests; a quiet one needs less than a minute."""


@pytest.fixture(scope="module")
def installation(
    model_repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """All services, the api and a controller, as `podium up` starts them."""
    jobs = tmp_path_factory.mktemp("installation") / "state"
    with Stack(models=model_repository, jobs=jobs) as stack:
        yield stack


@pytest.fixture(autouse=True)
def configuration(installation: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """The key of the first start, where `podium configure` puts it or the environment has it."""
    assert installation.admin_key is not None
    monkeypatch.setenv("PODIUM_CLIENT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PODIUM_ENDPOINT_URL", installation.urls["api"])
    monkeypatch.setenv("PODIUM_API_KEY", installation.admin_key.secret)
    return installation


def test_in_a_browser(installation: Stack, page: Page) -> None:
    assert installation.admin_key is not None
    page.goto(installation.urls["api"])
    page.get_by_label("API key").fill(installation.admin_key.secret)
    page.get_by_role("button", name="Sign in").click()
    job = choose(page, CLIP)
    expect(state(job)).to_have_text("done", timeout=1000 * LONGEST_S)
    expect(job.get_by_role("link", name="Report")).to_be_visible(timeout=60_000)
    with page.expect_download() as download:
        job.get_by_role("link", name="Summary").click()
    summary = json.loads(download.value.path().read_text())
    assert summary["frames"]["count"] == FRAMES
    assert summary["frames"]["with_person"] > 0.9 * FRAMES
    with page.expect_popup() as popup:
        job.get_by_role("button", name="Look at it").click()
    viewer = popup.value
    expect(viewer.locator("canvas.overlay")).to_be_visible(timeout=60_000)
    expect(viewer.locator("video")).to_have_js_property("videoWidth", 1280, timeout=60_000)
    viewer.keyboard.press("c")
    viewer.get_by_label("Key point").select_option(label="left ankle")
    viewer.locator("canvas.overlay").press("Shift+ArrowUp")
    viewer.get_by_role("button", name="Measure again").click()
    counted = viewer.locator(".warnings", has_text="1 key point was corrected by hand")
    expect(counted).to_be_attached(timeout=1000 * LONGEST_S)
    viewer.close()
    job.get_by_role("button", name="Share").click()
    link = job.locator(".share input").input_value()
    stranger = page.context.browser.new_page()  # without the key of this tab
    stranger.goto(link)
    expect(stranger.locator(".warnings", has_text="corrected by hand")).to_be_attached(
        timeout=60_000
    )
    stranger.keyboard.press("c")
    expect(stranger.get_by_role("button", name="Save corrections.json")).to_be_visible()
    expect(stranger.get_by_role("button", name="Measure again")).to_have_count(0)
    stranger.close()


def test_in_python(tmp_path: Path) -> None:
    client = podium.Client()
    job = client.submit(CLIP, pipeline="pose-3d", parameters={"step": 2})
    job.wait(timeout_s=LONGEST_S).download(tmp_path / "results")
    client.close()
    summary = json.loads((tmp_path / "results/sprint/summary.json").read_text())
    assert summary["frames"]["count"] == FRAMES / 2
    assert (tmp_path / "results/sprint/overlay.mp4").stat().st_size > 10_000


def test_in_a_shell(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "podium", "jobs", "submit", str(CLIP), "--step", "3",
         "--height-m", "1.80", "--postprocess", "overlay=false", "--out", "results"],
        cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=False,
        timeout=LONGEST_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "succeeded" in done.stdout
    table = (tmp_path / "results/sprint/keypoints.csv").read_text().splitlines()
    assert len({line.split(",")[0] for line in table[1:]}) > 0.9 * FRAMES / 3
