"""Overlays, plots and the report, looked at through the pixels and the text they give."""

import re
import xml.etree.ElementTree as ET

import cv2
import numpy as np
import pytest

from podium.render.colours import SIDE_RGB
from podium.render.overlay import DrawnPerson, draw
from podium.render.plots import curves, score_map, stick_3d, stick_sequence
from podium.render.report import (
    NumberRow,
    PersonReport,
    RangeRow,
    Report,
    Section,
    render_report,
)
from podium.render.svg import Axis
from podium.skeletons import COCO17
from podium.vision.sampling import rgb_of
from podium.yuv import Colours, Yuv

GREEN = (0, 128, 0)
POSE = np.array(
    [
        [320, 60], [326, 52], [314, 52], [334, 58], [306, 58], [360, 120], [280, 120], [390, 190],
        [250, 190], [400, 260], [240, 260], [345, 260], [295, 260], [350, 360], [290, 360],
        [355, 450], [285, 450],
    ],
    float,
)  # fmt: skip


def canvas() -> np.ndarray:
    return np.full((480, 640, 3), GREEN, np.uint8)


def person(keypoints: np.ndarray, **changes) -> DrawnPerson:
    given = {
        "skeleton": COCO17,
        "keypoints": keypoints,
        "filled": np.zeros(17, bool),
        "box": np.full(4, np.nan),
        "label": "person 0",
    }
    return DrawnPerson(**(given | changes))


def has_colour(picture: np.ndarray, colour) -> bool:
    return bool((np.abs(picture.astype(int) - colour).max(axis=-1) < 12).any())


def test_left_bones_are_blue_and_right_bones_orange_where_the_key_points_are():
    picture = canvas()
    draw(picture, [person(POSE)], "")
    for side, knee, ankle in (("left", 13, 15), ("right", 14, 16)):
        x, y = ((POSE[knee] + POSE[ankle]) / 2).round().astype(int)
        assert has_colour(picture[y - 1 : y + 2, x - 1 : x + 2], SIDE_RGB[side])
    x, y = ((POSE[11] + POSE[12]) / 2).astype(int)
    assert has_colour(picture[y - 1 : y + 2, x - 1 : x + 2], SIDE_RGB["centre"])


def test_absent_far_and_unbounded_key_points_are_not_drawn():
    hidden = np.full((17, 2), np.nan)
    hidden[0], hidden[1] = (1e9, 5), (-1e300, np.inf)
    picture = canvas()
    draw(picture, [person(hidden)], "")
    np.testing.assert_array_equal(picture, canvas())


def test_a_filled_key_point_is_a_ring():
    only_nose = np.full((17, 2), np.nan)
    only_nose[0] = (320, 240)
    ring, disc = (cv2.resize(canvas(), (2560, 1920)) for _ in range(2))
    draw(ring, [person(only_nose, filled=np.ones(17, bool))], "")
    draw(disc, [person(only_nose)], "")
    assert has_colour(disc[240:241, 320:321], SIDE_RGB["centre"])
    assert not has_colour(ring[240:241, 320:321], SIDE_RGB["centre"])


def test_pictures_in_yuv_look_as_those_in_rgb():
    rgb, colours = cv2.resize(canvas(), (1280, 960)), Colours(matrix=1)
    yuv = Yuv(np.empty((1440, 1280), np.uint8), colours)
    luma, *chroma = colours.of_rgb(GREEN)
    yuv.luma[...], yuv.chroma[...] = round(luma), np.round(chroma)[:, None, None]
    box = 2 * np.array([230.0, 40, 410, 470])
    for picture in (rgb, yuv):
        draw(picture, [person(2 * POSE, filled=np.arange(17) > 10, box=box)], "frame 7")
    # What video can hold of it: chroma of the mean of four pixels.
    few = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)[..., 1:], None, fx=0.5, fy=0.5)
    held = np.dstack([cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)[..., 0], cv2.resize(few, (1280, 960))])
    off = np.abs(rgb_of(yuv).astype(int) - cv2.cvtColor(held, cv2.COLOR_YCrCb2RGB)).mean(axis=-1)
    assert (off > 40).mean() < 0.01
    drawn = (np.abs(rgb.astype(int) - GREEN) > 40).any(axis=-1)
    assert off[drawn].mean() < 0.2 * np.abs(rgb[drawn].astype(int) - GREEN).mean()


def test_lines_grow_with_the_picture():
    drawn = []
    for scale in (1, 4):
        picture = cv2.resize(canvas(), (640 * scale, 480 * scale))
        draw(picture, [person(POSE * scale)], "frame 1")
        drawn.append((picture != GREEN).any(axis=-1).mean())
    assert drawn[1] == pytest.approx(drawn[0], rel=0.35)


def test_a_box_beyond_the_picture_is_clipped():
    picture = canvas()
    nobody = np.full((17, 2), np.nan)
    draw(picture, [person(nobody, box=np.array([-1e6, 100, 1e6, 300.0]))], "")
    assert (picture[100, [0, 300, 639], 0] > 180).all()  # its upper edge, from side to side


def svgs() -> list[str]:
    time_s = np.arange(50) / 25
    broken = np.sin(time_s)
    broken[20:30] = np.nan
    poses = np.repeat(POSE[None], 3, axis=0)
    poses[1, 5] = np.nan
    space = np.concatenate([POSE - [320, 260], np.zeros((17, 1))], axis=1)[None] / 250
    return [
        curves("Knee <flexion>", "degrees", time_s, {"left": broken, "right": time_s}),
        curves("One", "m/s", time_s[:1], {"hips": time_s[:1]}, from_zero=True),
        score_map(COCO17, time_s, np.full((50, 17), 0.5)),
        score_map(COCO17, time_s[:1], np.full((1, 17), np.nan)),
        stick_sequence(COCO17, poses, ["0 s", "1 s", "2 s"]),
        stick_3d(COCO17, space, ["0 s"]),
    ]


def test_plots_are_bare_svg_without_addresses_and_always_the_same():
    made = svgs()
    assert made == svgs()
    for svg in made:
        assert svg.startswith("<svg")
        assert "http" not in svg
        assert "<metadata" not in svg
        ET.fromstring(svg.replace("xlink:", ""))  # noqa: S314 - our own text


def test_a_long_curve_is_thinned():
    time_s = np.arange(200_000) / 100
    assert (
        len(curves("Long", "px/s", time_s, {"hips": np.random.default_rng(0).random(200_000)}))
        < 200_000
    )


def report(**changes) -> str:
    given = {
        "title": "<script>alert(1)</script>",
        "facts": [("Picture", "640 x 480")],
        "persons": [
            PersonReport(
                "Person 0",
                [("Peak speed", "5 m/s")],
                [
                    NumberRow("Cadence", "180.0 steps/min", "1.5", "12", "by Zeni", ""),
                    NumberRow("Jump height", "", "", "", "flight time", "there is no flight"),
                ],
                [RangeRow("left knee flexion", "deg", "1", "2", "3")],
                [Section("Speed", svgs())],
            )
        ],
        "frames": [("frame 7", b"\xff\xd8jpeg")],
        "warnings": ["a < b"],
        "notes": ["note"],
        "files": [("keypoints.csv", "key points")],
    }
    return "".join(render_report(Report(**(given | changes))))


def test_the_report_escapes_its_texts_and_keeps_its_plots():
    html = report()
    assert "<script" not in html
    assert "a &lt; b" in html
    assert html.count("<svg") == len(svgs())
    assert "data:image/jpeg;base64,/9hqcGVn" in html


def test_the_report_refers_to_nothing_outside_itself():
    html = report()
    assert "http" not in html
    assert "//" not in re.sub(r"base64,[^\"]*", "", html)
    references = re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?([^\"')\s>]+)", html)
    assert references
    assert all(reference.startswith(("data:", "#")) for reference in references)


def test_a_report_of_nobody_has_no_empty_sections():
    html = report(persons=[], frames=[], warnings=[], files=[])
    assert "Read this first" not in html
    assert "Overlay" not in html


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0, 1, 5, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-20, 130, 4, [0, 50, 100]),
        (0.9e-3, 1.1e-3, 2, [0.9e-3, 1.0e-3, 1.1e-3]),
        (1999, 2001, 3, [1999, 2000, 2001]),
    ],
)
def test_ticks_are_round_and_inside(low, high, most, expected):
    assert Axis(low, high, 0, 100).ticks(most) == pytest.approx(expected)


def test_a_curve_runs_through_its_points_and_stops_at_gaps():
    time_s, values = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 1.0, np.nan, 0.0])
    svg = ET.fromstring(curves("Gap", "m", time_s, {"hips": values}))  # noqa: S314 - our own text
    (path,) = [p for p in svg.iter("path") if p.get("stroke") == "#444444"]
    runs = [[float(n) for n in re.findall(r"[\d.]+", run)] for run in path.get("d").split("M")[1:]]
    assert [len(run) for run in runs] == [4, 3]  # two points, then one with the length of its dot
    x = [runs[0][0], runs[0][2], runs[1][0]]
    assert (x[2] - x[0]) / (x[1] - x[0]) == pytest.approx(3, abs=0.01)
    assert runs[0][1] == runs[1][1] > runs[0][3]  # up is up
