"""Two trials beside each other: by stride and by time, with the numbers of the curves."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from playwright.sync_api import Browser, Page
from starlette.applications import Starlette

from podium.biomechanics.exports.packing import packed_floats
from podium.schemas.motion import Motion, MotionEvent
from podium.viewer.folder_app import comparison_app
from tests.support.browsers import audited_page
from tests.viewer.pages import listening, motion_of, served, wait_for

SIZE = (640, 384)
ROWS = 100
KNEE = "left_knee_flexion_deg"
CONTACTS_S = {"slow": [0.2, 1.2, 2.2, 3.2], "quick": [0.1, 0.7, 1.3, 1.9]}


def knee_deg(time_s: np.ndarray, contacts_s: list[float], offset: float) -> np.ndarray:
    period = contacts_s[1] - contacts_s[0]
    wave = 40 + 30 * np.sin(2 * np.pi * (time_s - contacts_s[0]) / period)
    return wave + offset + 2 * (time_s - contacts_s[0]) // period  # differs from stride to stride


def trial(name: str, offset: float, foot: Literal["left", "right"] = "left") -> Motion:
    """A walk with three strides of a foot, of which every angle is known."""
    time_s = np.arange(ROWS) / 25
    motion, _ = motion_of(time_s, SIZE)
    (athlete,) = motion.athletes
    contacts = CONTACTS_S[name]
    values = packed_floats(knee_deg(time_s, contacts, offset))
    measures = [
        m.model_copy(update={"values": values}) if m.name == KNEE else m for m in athlete.measures
    ]
    events = [MotionEvent(name="contact", side=foot, time_s=at) for at in contacts]
    changed = athlete.model_copy(update={"measures": measures, "events": events})
    return motion.model_copy(update={"athletes": [changed]})


def mean_curve(name: str, offset: float) -> np.ndarray:
    time_s, contacts = np.arange(ROWS) / 25, CONTACTS_S[name]
    values = knee_deg(time_s, contacts, offset)
    cycles = [
        np.interp(np.linspace(a, b, 101), time_s, values) for a, b in itertools.pairwise(contacts)
    ]
    return np.mean(cycles, axis=0)


def test_two_runs_by_stride_and_by_time(tmp_path: Path, page: Page) -> None:
    with listening(two_runs(tmp_path, "left")) as url:
        page.goto(url)
        wait_for(page, "document.querySelector('.chart .main-svg') !== null")
        caption = page.locator(".chart figcaption", has_text="RMSE").first.inner_text()
        expected = np.sqrt(np.mean((mean_curve("slow", 0) - mean_curve("quick", 5)) ** 2))
        found = re.search(r"RMSE ([0-9.]+) deg", caption)
        assert found is not None
        assert float(found[1]) == pytest.approx(expected, abs=0.06)
        drawn = page.evaluate(
            "[...document.querySelectorAll('.chart')][0].querySelector('.js-plotly-plot').data"
            ".map((t) => [t.name ?? '', t.y.length, t.fill ?? ''])"
        )
        assert [each[0] for each in drawn if each[0]] == ["A (n = 3)", "B (n = 3)"]
        assert sum(each[2] == "tonexty" for each in drawn) == 2  # a band for each
        slider = page.locator("input[type=range]")
        slider.evaluate("(s) => { s.value = 500; s.dispatchEvent(new Event('input')); }")
        wait_for(page, "/^(48|52) %$/.test(document.querySelector('.clock').textContent)")
        page.get_by_label("Compare by").select_option("time")
        wait_for(page, "document.querySelector('.clock').textContent === '0.000 s'")
        page.keyboard.press("ArrowRight")
        wait_for(page, "document.querySelector('.clock').textContent === '0.040 s'")
        page.keyboard.press("Space")
        wait_for(page, "parseFloat(document.querySelector('.clock').textContent) > 0.3")
        page.goto("about:blank")


def test_two_athletes_of_a_clip_and_back(tmp_path: Path, page: Page) -> None:
    motion, _ = motion_of(np.arange(40) / 25, SIZE, athletes=2)
    with served(tmp_path, motion, None) as url:
        page.goto(url)
        page.get_by_role("button", name="Compare").click()
        assert page.get_by_label("A", exact=True).input_value() == "0"
        assert page.get_by_label("B", exact=True).input_value() == "1"
        assert page.locator("canvas.overlay").count() == 2
        page.get_by_role("button", name="One trial").click()
        assert page.locator("canvas.overlay").count() == 1
        page.goto("about:blank")


def two_runs(folder: Path, foot: Literal["left", "right"]) -> Starlette:
    """The comparison of two walks with strides of that foot alone."""
    for name, offset in (("slow", 0.0), ("quick", 5.0)):
        (folder / name).mkdir()
        (folder / name / "motion.json").write_text(trial(name, offset, foot).model_dump_json())
    return comparison_app(folder / "slow", folder / "quick", (None, None))


def test_a_curve_of_a_foot_without_strides_is_taken_over_those_of_the_other(
    tmp_path: Path, page: Page
) -> None:
    with listening(two_runs(tmp_path, "right")) as url:
        page.goto(url)
        wait_for(page, "document.querySelector('.chart .main-svg') !== null")
        captions = page.locator(".chart figcaption").all_inner_texts()
        [left] = [caption for caption in captions if caption.startswith("left knee")]
        expected = np.sqrt(np.mean((mean_curve("slow", 0) - mean_curve("quick", 5)) ** 2))
        found = re.fullmatch(r"left knee flexion, stride: right, RMSE ([0-9.]+) deg", left)
        assert found is not None, left
        assert float(found[1]) == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_is_in_the_way_of_anybody(
    tmp_path: Path, browser: Browser, scheme: Literal["light", "dark"]
) -> None:
    with (
        listening(two_runs(tmp_path, "left")) as url,
        audited_page(browser, scheme) as page,
    ):
        page.goto(url)
        wait_for(page, "document.querySelector('.chart .main-svg') !== null")
