"""Results with extreme numbers are measured or refused, and what is written is finite."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest

from podium.biomechanics.fit import pieces, trajectory
from podium.biomechanics.fit.solver import solve
from podium.errors import InvalidInput
from podium.postprocess import documents
from podium.postprocess.postprocessor import Postprocessor
from podium.postprocess.result_text import parse_results
from podium.schemas.postprocess import PostprocessOptions
from podium.wire.parameters import read_parameters
from tests.fuzz.campaign import campaign
from tests.fuzz.mutations import mutated_document

JOINTS = 17
BODY = [(7 * (j % 4) - 10, 6 * j - 50) for j in range(JOINTS)]
NUMBERS = [
    *(0, -0.0, 1, -1, 0.5, 1e-12, 5e-324, -5e-324, 1e-300, 1e300, -1e300, 1e6, 999_999.0, 1e15),
    *(1.7976931348623157e308, 1 << 31, 1 << 53, 3.0, 100.0, 1e-7, 1e4, None),
]
OPTIONS = {
    "filter": ["butterworth", "one_euro", "savgol", "none"],
    "cutoff_hz": [5e-324, 1e-300, 0.001, 1.0, 6.0, 12.5, 1000.0],
    "max_gap_frames": [0, 1, 10, 1000],
    "athlete": [
        "all",
        "largest",
        "longest",
        "most_displacement",
        "nearest:99999,-1",
        "nearest:0,0",
    ],
    "athlete_height_m": [None, 0.3, 1.8, 3.0],
    "athlete_mass_kg": [None, 10, 70, 300],
}


def person(random, index, number, still, depth):
    """A body that moves a little, or not at all; ``depth`` gives it key points in 3D."""
    x, y = (100 + 200 * number, 200) if still else (100 + 200 * number + 6 * index, 200 + index % 3)
    points = [[x + dx, y + dy, 0.9] for dx, dy in BODY]
    points_3d = [[dx / 60, dy / 60, 0.1 * (j % 3)] for j, (dx, dy) in enumerate(BODY)]
    box = [x - 20, y - 60, x + 20, y + 60]
    given = {"track_id": number, "box": box, "score": 0.9, "keypoints": points}
    return given | ({"keypoints_3d": points_3d, "root_depth": 4.0} if depth else {})


def document(random):
    """A result in which a few numbers are extreme."""
    fps = random.choice([1, 25, 50, 50, 240, 1e-3, 1e6])
    count = random.choice([1, 2, 3, 5, 8, 8, 24])
    persons = random.choice([0, 1, 1, 1, 2])
    still, depth = random.random() < 0.3, random.random() < 0.2
    frames = [
        {
            "index": index,
            "time_s": index / fps,
            "status": "ok" if persons else "no_person",
            "persons": [person(random, index, n, still, depth) for n in range(persons)],
        }
        for index in sorted(random.sample(range(3 * count), count))
    ]
    facts = {"width": 640, "height": 480, "fps": fps, "frame_count": 3 * count, "duration_s": 1.0}
    if random.random() < 0.3:  # the camera moves
        for frame in random.sample(frames, random.randint(1, count)):
            frame["background"] = [1.0, 0.0, 3.0 * frame["index"], 0.0]
            if random.random() < 0.1:
                frame["background"][random.randrange(4)] = random.choice(NUMBERS)
    for _ in range(random.choice([0, 1, 3, 30])):
        if persons:
            holder = random.choice(random.choice(frames)["persons"])
            where = random.choice(["keypoints", "keypoints", "keypoints_3d", "box", "score"])
            if where == "score" or where not in holder:
                holder["score"] = random.choice(NUMBERS)
            elif where == "box":
                holder["box"][random.randrange(4)] = random.choice(NUMBERS)
            else:
                random.choice(holder[where])[random.randrange(3)] = random.choice(NUMBERS)
    if random.random() < 0.3:
        facts[random.choice(list(facts))] = random.choice(NUMBERS)
    made = {"pipeline": "p", "skeleton": "coco17", "models": {}, "source": facts, "frames": frames}
    return mutated_document(random, made, NUMBERS) if random.random() < 0.3 else made


MOST_STEPS = 2
"""Of the fit, which takes half of the time: extreme numbers go the same ways in the first steps."""
DRAWN = 0.1
"""Share of the results that get a report."""


@pytest.fixture
def draws(monkeypatch):
    """Makes an input cheap; gives the switch of the report."""
    drawing, render = {"on": True}, documents.render_report

    def few_steps(*problem, max_steps=MOST_STEPS):
        return solve(*problem, max_steps=min(max_steps, MOST_STEPS))

    monkeypatch.setattr(pieces, "solve", few_steps)
    monkeypatch.setattr(trajectory, "solve", few_steps)
    monkeypatch.setattr(
        documents, "render_report", lambda *page: render(*page) if drawing["on"] else ""
    )
    return drawing


def test_results_with_extreme_numbers(tmp_path, draws):
    processor = Postprocessor(max_frames=10_000)

    def measured_or_refused(random):
        draws["on"] = random.random() < DRAWN
        body = json.dumps([document(random)]).encode()
        asked = {name: random.choice(values) for name, values in OPTIONS.items()}
        asked = {name: value for name, value in asked.items() if random.random() < 0.5}
        with suppress(InvalidInput):
            options = read_parameters(
                PostprocessOptions, asked | {"overlay": False, "overlay_frames": 0}
            )
            processor.process(tmp_path / "no.mp4", parse_results(body), tmp_path, options)
            json.loads((tmp_path / "summary.json").read_text(), parse_constant=_refuse)

    campaign(measured_or_refused, few=12)


def _refuse(name):
    raise AssertionError(f"{name} is not JSON")
