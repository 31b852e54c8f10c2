"""Results with extreme numbers are measured or refused, and what is written is finite."""

from __future__ import annotations

import copy
import json
from contextlib import suppress

import numpy as np
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
CORRECTIONS = [
    {"events": [{"event": "contact", "side": "left", "corrected_s": time_s}]}
    for time_s in (0, -0.1, 0.02, 5e-324)
] + [
    {"keypoints": [{"frame": frame, "keypoint": "left_knee", "corrected_px": [x, 0]}]}
    for frame, x in ((0, 1), (1, 1e6), (3, -1e6), (0, 5e-324))
]
OPTIONS = {
    "filter": ["butterworth", "kalman", "gcv_spline", "savgol", "one_euro", "none"],
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
    "known_distance": [None, "0,0,20,0:0.000001", "0,0,999999,999999:1000", "9,9,99,9:1"],
    "view": [None, "side", "oblique", "front", "back"],
    "camera_tilt_deg": [None, -45, 5e-324, 0, 1e-300, 45],
    "intrinsics": [None, "1,1,0,0", "999999,1,-999999,999999", "500,500,320,240"],
    "corrections": [None] * 30
    + [
        json.dumps({"persons": [{"person": person} | made]})
        for made in CORRECTIONS
        for person in (0, 0, 1)
    ],
}
SIZES = [1, 1, 2, 2, 3, 3, 3, 4, 5, 5, 6, 8]
"""Numbers of frames: most of the code is reached by few, which are quick."""
LARGEST = 24


def person(random, index, number, still, depth):
    """A body that moves a little, or not at all; ``depth`` gives it key points in 3D."""
    x, y = (100 + 200 * number, 200) if still else (100 + 200 * number + 6 * index, 200 + index % 3)
    points = [[x + dx, y + dy, 0.9] for dx, dy in BODY]
    points_3d = [[dx / 60, dy / 60, 0.1 * (j % 3)] for j, (dx, dy) in enumerate(BODY)]
    box = [x - 20, y - 60, x + 20, y + 60]
    given = {"track_id": number, "box": box, "score": 0.9, "keypoints": points}
    return given | ({"keypoints_3d": points_3d, "root_depth": 4.0} if depth else {})


def document(random):
    """The results of one or two requests, in which a few numbers are extreme."""
    fps = random.choice([1, 25, 50, 50, 240, 1e-3, 1e6])
    count = LARGEST if random.random() < 0.03 else random.choice(SIZES)
    span = count * random.choice([1, 1, 2, 3])
    first = random.choice([0] * 8 + [1000, 1 << 40])
    persons = random.choice([0, 1, 1, 1, 1, 1, 1, 2])
    still, depth = random.random() < 0.3, random.random() < 0.2
    frames = [
        {
            "index": first + index,
            "time_s": index / fps,
            "status": "ok" if persons else "no_person",
            "persons": [person(random, index, n, still, depth) for n in range(persons)],
        }
        for index in sorted(random.sample(range(span), count))
    ]
    facts = {"width": 640, "height": 480, "fps": fps, "frame_count": span, "duration_s": 1.0}
    if random.random() < 0.3:  # the camera moves
        for frame in random.sample(frames, random.randint(1, count)):
            frame["background"] = [1.0, 0.0, 3.0 * (frame["index"] - first), 0.0]
            if random.random() < 0.1:
                frame["background"][random.randrange(4)] = random.choice(NUMBERS)
    if persons:
        for _ in range(random.choice([0, 1, 3, 30])):
            exchange_number(random, random.choice(random.choice(frames)["persons"]))
        if random.random() < 0.3:
            repeat(random, frames)
    if random.random() < 0.3:
        facts[random.choice(list(facts))] = random.choice(NUMBERS)
    named = {"pipeline": "p", "skeleton": "coco17", "models": {}, "source": facts}
    cut = random.randrange(count) if random.random() < 0.2 else 0
    made = [named | {"frames": part} for part in (frames[:cut], frames[cut:]) if part]
    return mutated_document(random, made, NUMBERS) if random.random() < 0.3 else made


def exchange_number(random, holder):
    """Make one number of a person extreme."""
    where = random.choice(["keypoints", "keypoints", "keypoints_3d", "box", "score"])
    if where == "score" or where not in holder:
        holder["score"] = random.choice(NUMBERS)
    elif where == "box":
        holder["box"][random.randrange(4)] = random.choice(NUMBERS)
    else:
        random.choice(holder[where])[random.randrange(3)] = random.choice(NUMBERS)


def repeat(random, frames):
    """Make equal what differs: times, points, persons' numbers and frames; or points unseen."""
    match random.randrange(6):
        case 0:
            for frame in random.sample(frames, random.randint(1, len(frames))):
                frame["time_s"] = frames[0]["time_s"]
        case 1:
            frames.append(copy.deepcopy(random.choice(frames)))
        case 2:
            for frame in frames:
                frame["persons"].append(copy.deepcopy(frame["persons"][0]))
        case 3:
            for frame in frames:
                for each in frame["persons"]:
                    each["track_id"] = random.choice([0, frame["index"], 1 << 62, -1])
        case case:
            places = random.sample(range(JOINTS), random.choice([1, 4, JOINTS]))
            for frame in random.sample(frames, random.randint(1, len(frames))):
                points = frame["persons"][0]["keypoints"]
                for place in places:
                    points[place] = points[0] if case == 4 else [0, 0, 0]


MOST_STEPS = 2
"""Of the fit, which takes half of the time: extreme numbers go the same ways in the first steps."""
DRAWN = 0.1
"""Share of the results that get a report."""
FITTED = 0.3
"""Share of the results to which a body is fitted, which takes ten times as long as the rest."""


@pytest.fixture
def draws(monkeypatch):
    """Makes an input cheap; gives the switches of the report and of the fit."""
    on, render = {"report": True, "fit": True}, documents.render_report
    bad_frames = trajectory.bad_frames

    def few_steps(*problem, max_steps=MOST_STEPS):
        return solve(*problem, max_steps=min(max_steps, MOST_STEPS))

    monkeypatch.setattr(pieces, "solve", few_steps)
    monkeypatch.setattr(trajectory, "solve", few_steps)
    monkeypatch.setattr(
        documents, "render_report", lambda *page: render(*page) if on["report"] else ""
    )
    monkeypatch.setattr(
        trajectory,
        "bad_frames",
        lambda *given: bad_frames(*given) if on["fit"] else np.ones(len(given[1]), bool),
    )
    return on


def test_results_with_extreme_numbers(tmp_path, draws):
    processor = Postprocessor(max_frames=10_000)

    def measured_or_refused(random):
        draws["report"] = random.random() < DRAWN
        draws["fit"] = random.random() < FITTED
        body = json.dumps(document(random)).encode()
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
