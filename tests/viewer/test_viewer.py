"""The viewer in a real browser: what is drawn where, which frame is shown, and by which keys."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from podium.render import plots
from podium.render.report import NumberRow, PersonReport, RangeRow, Report, Section, render_report
from podium.skeletons import COCO17
from podium.viewer.assets import STATIC
from podium.viewer.page import embedded_viewer
from tests.support.browsers import grave_findings, patient_context
from tests.support.videos import number_of, write_video
from tests.support.waiting import blocking_until
from tests.viewer.pages import changed, motion_of, pixels, served, show, shown_row, wait_for

SIZE = (640, 384)
COUNT = 60
SKY_BLUE, ORANGE = (86, 180, 233), (230, 159, 0)
STEADY = list(range(COUNT))
UNSTEADY = list(itertools.accumulate([0, *([1, 1, 4, 1, 2, 7] * 10)][:COUNT]))
RATE = 25
CHART = "document.querySelector('.chart .main-svg') !== null"


CLIPS = {"plain": (STEADY, 0), "variable rate": (UNSTEADY, 0), "rotated": (STEADY, 90)}


@pytest.fixture(scope="module")
def clip_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives a clip by its name; each is encoded once."""
    folder = tmp_path_factory.mktemp("clips")

    @functools.cache
    def written(name: str) -> Path:
        ticks, rotation = CLIPS[name]
        path = folder / name / "clip.mp4"
        path.parent.mkdir()
        return write_video(
            path, COUNT, rate=RATE, ticks=ticks, size=SIZE, rotation=rotation, preset="veryfast"
        )

    return written


@pytest.fixture
def shown(request, tmp_path: Path, page: Page, clip_of: Callable[[str], Path]):
    """(page, key points (A, T, J, 2), size of the upright frames, whether numbers can be read)."""
    name = getattr(request, "param", "plain")
    (ticks, rotation), video = CLIPS[name], clip_of(name)
    size = SIZE[::-1] if rotation else SIZE
    motion, points = motion_of([tick / RATE for tick in ticks], size)
    with served(tmp_path, motion, video) as url:
        page.goto(url)
        wait_for(page, "document.querySelector('video')?.readyState >= 2")
        yield page, points, size, not rotation
        page.goto("about:blank")  # before its server ends


def middle_of_bone(picture: np.ndarray, at: np.ndarray, colour: tuple[int, int, int]) -> float:
    """Distance in pixels from a point to the nearest pixel of a colour."""
    rows, columns = np.nonzero(np.abs(picture[..., :3].astype(int) - colour).max(axis=-1) < 40)
    assert len(rows), "nothing is drawn in that colour"
    return float(np.hypot(columns - at[0], rows - at[1]).min())


@pytest.mark.parametrize("shown", CLIPS, indirect=True)
def test_bones_lie_on_the_key_points_of_the_frame_that_is_shown(shown) -> None:
    page, points, size, readable = shown
    for row in np.random.default_rng(0).integers(0, COUNT, 10).tolist():
        show(page, row)
        assert shown_row(page) == row
        if readable:
            assert number_of(pixels(page, "video", SIZE)[..., :3]) == row
        drawn = pixels(page, "canvas.overlay", size)
        for side, colour in (("left", SKY_BLUE), ("right", ORANGE)):
            knee, ankle = (points[0, row, COCO17.index[f"{side}_{j}"]] for j in ("knee", "ankle"))
            assert middle_of_bone(drawn, (knee + ankle) / 2, colour) <= 2


@pytest.mark.alone
@pytest.mark.parametrize("shown", ["plain", "variable rate"], indirect=True)
def test_while_playing_the_frame_and_the_cursor_differ_by_one_at_most(shown) -> None:
    page, *_ = shown
    wait_for(page, CHART)  # until then plotly.js takes the page's time
    page.keyboard.press("[")  # half speed: a slow machine shows frames late, not wrong ones
    page.keyboard.press("Space")
    pairs = page.evaluate(
        """async () => {
            const video = document.querySelector("video");
            const found = [];
            const canvas = document.createElement("canvas");
            Object.assign(canvas, { width: 640, height: 384 });
            const context = canvas.getContext("2d", { willReadFrequently: true });
            while (found.length < 25 && !video.ended && !(found.length && video.paused)) {
                await new Promise((done) => requestAnimationFrame(done));
                context.drawImage(video, 0, 0, 640, 384);
                let number = 0;
                for (let bit = 0; bit < 10; bit++) {
                    const [value] = context.getImageData(bit * 16 + 8, 8, 1, 1).data;
                    if (value > 125) number |= 1 << bit;
                }
                found.push([number, Number(document.querySelector("input[type=range]").value)]);
            }
            return found;
        }"""
    )
    assert len(pairs) >= 10
    assert max(abs(number - row) for number, row in pairs) <= 1
    assert pairs[-1][1] > pairs[0][1]


def test_everything_by_keyboard(shown) -> None:
    page, *_ = shown
    keys = page.keyboard
    for key, row in (("End", COUNT - 1), ("ArrowLeft", COUNT - 2), ("Home", 0), ("ArrowRight", 1)):
        keys.press(key)
        wait_for(page, f"document.querySelector('input[type=range]').value == {row}")
    keys.press("Shift+ArrowRight")
    wait_for(page, "document.querySelector('input[type=range]').value == 11")
    for key, layer in (("b", "bones"), ("p", "points"), ("g", "angles"), ("t", "trails")):
        box = page.locator(f"input[data-layer={layer}]")
        before = box.is_checked()
        keys.press(key)
        assert box.is_checked() is not before
    keys.press("l")  # the first stride is offered after the whole clip
    keys.press("l")
    assert page.locator("select").nth(1).input_value() == "0"
    wait_for(page, f"document.querySelector('input[type=range]').value == {COUNT // 4}")
    keys.press("?")
    assert page.locator("dialog").is_visible()
    keys.press("Escape")
    assert not page.locator("dialog").is_visible()


def test_the_skeleton_in_space_turns_and_grows(shown) -> None:
    page, *_ = shown
    canvas = page.locator("canvas.space")
    before = canvas.screenshot()
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 180, box["y"] + 110)
    page.mouse.up()
    turned = changed(canvas, before)
    canvas.focus()
    page.keyboard.press("+")
    changed(canvas, turned)


def test_the_page_lies_still_and_follows_its_window(shown) -> None:
    page, *_ = shown
    wait_for(page, CHART)

    height = "document.querySelector('canvas.space').clientHeight"

    def still() -> int:
        """The height of the skeleton's canvas, once it is the same on twenty frames of the page."""
        seen: list[int] = []

        def is_still() -> bool:
            seen.append(page.evaluate(height))
            page.wait_for_timeout(20)
            return len(seen) >= 20 and len(set(seen[-20:])) == 1

        blocking_until(is_still)
        return seen[-1]

    wide = still()
    page.set_viewport_size({"width": 900, "height": 900})
    wait_for(page, f"{height} !== {wide}")
    assert 250 < still() < wide < 720


def test_a_click_on_a_curve_moves_the_cursor_and_numbers_have_their_uncertainty(shown) -> None:
    page, *_ = shown
    wait_for(page, CHART)
    page.locator(".chart .nsewdrag").first.click()
    wait_for(page, "Number(document.querySelector('input[type=range]').value) > 0")
    table = page.locator("table", has_text="Uncertainty").inner_text()
    assert "5.50 m/s" in table
    assert "± 0.200" in table
    page.locator(".missing summary").click()
    assert "no flight" in page.locator(".missing").inner_text()


def test_texts_of_results_are_text_and_nothing_is_asked_of_others(
    tmp_path: Path, page: Page
) -> None:
    hostile = "<script>window.stolen = 1</script><img src=x onerror='window.stolen = 2'>"
    motion, _ = motion_of(np.arange(20) / 25, SIZE, athletes=2, label=hostile)
    motion = motion.model_copy(update={"warnings": [hostile]})
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    with served(tmp_path, motion, None) as url:
        page.goto(url)
        wait_for(page, CHART)
        assert page.locator(".warnings li").inner_text() == hostile
        assert page.evaluate("window.stolen") is None
        assert all(address.startswith((url, "data:", "blob:")) for address in addresses)
        page.goto("about:blank")


def test_a_page_of_its_own_needs_no_network(tmp_path: Path, browser: Browser) -> None:
    video = write_video(tmp_path / "clip.mp4", COUNT, rate=RATE, size=SIZE, crf="40")
    motion, _ = motion_of(np.arange(COUNT) / RATE, SIZE)
    body = "".join(embedded_viewer([motion.model_dump_json()], video=video.read_bytes()))
    (tmp_path / "report.html").write_text(f"<!doctype html><meta charset=utf-8><body>{body}")
    context = patient_context(browser, offline=True)
    page = context.new_page()
    page.goto((tmp_path / "report.html").as_uri())
    wait_for(page, "document.querySelector('video')?.readyState >= 2")
    wait_for(page, CHART)
    show(page, 30)
    assert number_of(pixels(page, "video", SIZE)[..., :3]) == 30
    context.close()


def test_an_athlete_is_one_page_on_paper(tmp_path: Path, page: Page) -> None:
    curve = plots.curves("Knee", "deg", np.arange(50) / 25, {"left": np.arange(50.0)})
    numbers = [NumberRow(f"Measure {n}", f"{n}.00 m", "0.10", "4", "", "") for n in range(60)]
    persons = [
        PersonReport(
            title=f"Person {n}",
            tiles=[(f"Tile {tile}", "1.23 m/s") for tile in range(14)],
            numbers=numbers,
            ranges=[RangeRow("Knee", "deg", "1.0", "2.0", "3.0")] * 20,
            sections=[Section("Over time", [curve] * 10, on_paper=True), Section("3D", [curve])],
        )
        for n in range(2)
    ]
    report = Report(title="Two", facts=[("Source", "60 frames")], persons=persons, frames=[])
    motion, _ = motion_of(np.arange(20) / 25, SIZE, athletes=2)
    html = "".join(render_report(report, embedded_viewer([motion.model_dump_json()])))
    (tmp_path / "report.html").write_text(html)
    page.goto((tmp_path / "report.html").as_uri())
    wait_for(page, CHART)
    paper = page.pdf(prefer_css_page_size=True)
    assert (
        len(re.findall(rb"/Type\s*/Page\b", paper)) == 4
    )  # the clip, two athletes, how to read it
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 703, "height": 1032})  # what A4 leaves between its margins
    cut = page.evaluate(
        "[...document.querySelectorAll('.person')].map((e) => e.scrollHeight - e.clientHeight)"
    )
    assert cut == [0, 0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_serious_is_in_the_way_of_anybody(
    tmp_path: Path, browser: Browser, width: int, scheme: str
) -> None:
    motion, _ = motion_of(np.arange(20) / 25, SIZE, athletes=2)
    context = patient_context(
        browser, viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    with served(tmp_path, motion, None) as url:
        page.goto(url)
        wait_for(page, CHART)
        grave = grave_findings(page)
        assert page.evaluate("document.body.scrollWidth") <= width
    context.close()
    assert not grave


def test_the_language_is_that_of_the_browser(tmp_path: Path, browser: Browser) -> None:
    motion, _ = motion_of(np.arange(5) / 25, SIZE)
    for locale, word in (
        ("de-CH", "Kurven"),
        ("ja", "グラフ"),
        ("fr", "Courbes"),
        ("es", "Curvas"),
    ):
        context = patient_context(browser, locale=locale)
        with served(tmp_path, motion, None) as url:
            page = context.new_page()
            page.goto(url)
            page.wait_for_selector(f"h2:has-text('{word}')")
        context.close()


def test_what_is_seen_is_saved_as_a_picture_and_as_a_clip(shown, tmp_path: Path) -> None:
    page, points, *_ = shown
    show(page, 30)
    with page.expect_download() as download:
        page.keyboard.press("s")
    assert download.value.suggested_filename == "clip-30.png"
    picture = cv2.imread(str(download.value.path()))
    assert picture.shape[0] == SIZE[1]
    assert picture.shape[1] > SIZE[0]  # the skeleton in space is beside the video
    assert number_of(picture[:, : SIZE[0], ::-1]) == 30
    knee, ankle = (points[0, 30, COCO17.index[f"left_{joint}"]] for joint in ("knee", "ankle"))
    rgb = picture[:, : SIZE[0], ::-1]
    assert middle_of_bone(rgb, (knee + ankle) / 2, SKY_BLUE) <= 2
    page.get_by_label("Repeat").select_option("0")  # a stride of 15 frames
    page.get_by_label("Speed").select_option("0.25")
    with page.expect_download() as download:
        page.get_by_role("button", name="Record clip").click()
    saved = tmp_path / download.value.suggested_filename
    download.value.save_as(saved)
    with av.open(str(saved)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) >= 2
    assert frames[0].height == SIZE[1]
    assert frames[0].width > SIZE[0]


def test_every_language_has_every_string() -> None:
    files = {path.stem: path.read_text() for path in (STATIC / "strings").glob("??.js")}
    keys = {tag: re.findall(r"^  (\w+): \"", text, re.MULTILINE) for tag, text in files.items()}
    assert sorted(files) == ["de", "en", "es", "fr", "ja"]
    assert all(sorted(each) == sorted(keys["en"]) for each in keys.values())
    assert all(len(set(each)) == len(each) for each in keys.values())
