"""Whom to keep: one table of cases, through the gateway's choice and through postprocessing's."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import BaseModel

from podium.athletes import Athlete, AthleteText, Nearest
from podium.biomechanics.persons.selection import select
from podium.biomechanics.persons.trajectories import Tracklet, link
from podium.biomechanics.signals.timeline import timeline
from podium.pipelines.athletes import AthleteChoice
from podium.pipelines.persons import Persons

Track = dict[int, tuple[float, float, float, float]]  # frame -> box
JOINTS = 17

RUNNER: Track = {f: (50 + 2 * f, 200, 150 + 2 * f, 500) for f in range(300)}
"""100 x 300 px on 300 frames."""
PASSER: Track = dict.fromkeys(range(3), (1400, 0, 1800, 700))
"""400 x 700 px on 3 frames."""
STANDING: Track = dict.fromkeys(range(320), (900, 200, 960, 380))
"""60 x 180 px, in sight for longest, does not move."""
JUMPER: Track = {f: (1200, 700 - 12 * f, 1240, 820 - 12 * f) for f in range(10, 60)}
"""40 x 120 px, moves by 588 px, upwards; the runner moves by 598."""
EVERYBODY = {"runner": RUNNER, "passer": PASSER, "standing": STANDING, "jumper": JUMPER}

CASES = [
    ("largest", EVERYBODY, "runner"),
    ("largest", {"passer": PASSER, "standing": STANDING}, "standing"),
    ("largest", {"passer": PASSER, "jumper": JUMPER}, "passer"),
    ("longest", EVERYBODY, "standing"),
    ("longest", {"passer": PASSER, "jumper": JUMPER}, "jumper"),
    ("most_displacement", EVERYBODY, "runner"),
    ("most_displacement", {"passer": PASSER, "standing": STANDING, "jumper": JUMPER}, "jumper"),
    ("nearest:1600,350", EVERYBODY, "passer"),
    ("nearest:930,300", EVERYBODY, "standing"),
    ("nearest:1220,640", EVERYBODY, "jumper"),  # where it begins
    ("nearest:700,350", {"runner": RUNNER, "standing": STANDING}, "standing"),  # not where it ends
]


def by_the_gateway(rule: Athlete, tracks: dict[str, Track], chunk: int = 1000) -> set[str]:
    rows = sorted(
        (f, i, box) for i, track in enumerate(tracks.values()) for f, box in track.items()
    )
    frames, ids, boxes = (np.array(column) for column in zip(*rows, strict=True))
    persons = Persons(
        frame_index=frames,
        track_ids=ids,
        boxes=boxes.astype(np.float32),
        scores=np.ones(len(ids), np.float32),
        keypoints=np.zeros((len(ids), JOINTS, 3), np.float32),
        keypoints_3d=None,
        rois=np.zeros((len(ids), 5), np.float32),
    )
    choice = AthleteChoice(rule, 1)
    for start in range(0, int(frames.max()) + 1, chunk):
        rows = np.flatnonzero((frames >= start) & (frames < start + chunk))
        kept = choice.of(persons.rows(rows))
    return {list(tracks)[track] for track in np.unique(kept.track_ids)}


def by_postprocessing(rule: Athlete, tracks: dict[str, Track]) -> set[str]:
    clip = timeline(np.arange(320), np.arange(320) / 30, max_frames=1000)
    names = {}
    tracklets = []
    for name, track in tracks.items():
        boxes = np.array(list(track.values()), float)
        corners = boxes.reshape(-1, 2, 2)
        share = np.linspace(0, 1, JOINTS)[:, None]
        points = corners[:, :1] * share + corners[:, 1:] * (1 - share)
        tracklets.append(
            Tracklet(
                batch=0,
                frame_index=np.array(list(track)),
                boxes=boxes,
                scores=np.ones(len(boxes)),
                keypoints=np.concatenate([points, np.full((len(boxes), JOINTS, 1), 0.9)], axis=-1),
                keypoints_3d=np.full((len(boxes), JOINTS, 3), np.nan),
            )
        )
        names[tuple(boxes[0])] = name
    persons = link(tracklets, clip)
    assert len(persons) == len(tracks)
    return {names[tuple(person.boxes[0])] for person in select(persons, rule)}


@pytest.mark.parametrize(("text", "tracks", "chosen"), CASES)
@pytest.mark.parametrize("order", [1, -1])  # never by being the first of equals
def test_both_callers_choose_by_the_same_rule(text, tracks, chosen, order):
    tracks = dict(list(tracks.items())[::order])
    rule = read(text)
    assert by_the_gateway(rule, tracks) == {chosen}
    assert by_postprocessing(rule, tracks) == {chosen}


def test_all_keeps_everybody():
    assert by_the_gateway("all", {"passer": PASSER}) == {"passer"}
    assert by_postprocessing("all", EVERYBODY) == set(EVERYBODY)
    assert select([], "all") == []
    assert select([], "largest") == []


def test_the_choice_in_chunks_ends_as_that_of_the_whole():
    together = {"runner": RUNNER, "standing": {f: b for f, b in STANDING.items() if f < 300}}
    assert by_the_gateway("largest", together, chunk=7) == {"runner"}


class Options(BaseModel):
    athlete: Athlete = "all"


class Document(BaseModel):
    athlete: AthleteText = "all"


class Strict(Options, strict=True):
    pass


def read(text: object) -> Athlete:
    return Options(athlete=text).athlete


def test_the_text_form_and_json():
    point = Nearest(nearest=(640, -3.5))
    for model in (Options, Document, Strict):
        assert model.model_validate({"athlete": "nearest:640,-3.5"}).athlete == point
        dumped = model(athlete=point).model_dump(mode="json")
        assert dumped == {"athlete": "nearest:640.000000,-3.500000"}
        assert model.model_validate(dumped).athlete == point
    for model in (Options, Strict):
        assert model.model_validate({"athlete": {"nearest": [640, -3.5]}}).athlete == point


@pytest.mark.parametrize("model", [Options, Document, Strict])
@pytest.mark.parametrize(
    "wrong",
    [
        *("best", "", "all\n", " all", "nearest", "nearest:1", "nearest:1,2,3", "nearest:a,b"),
        *("nearest:nan,1", "nearest:1e3,2", "nearest:1,2\n", "nearest:\u0661,2", "largest:1,2"),
        *(f"nearest:{'1' * 70},2", 7, None, ["all"], {"nearest": [1]}, {"nearest": [1, "nan"]}),
        {"nearest": [1, float("inf")]},
        {"farthest": [1, 2]},
    ],
)
def test_what_is_no_rule_is_refused_with_the_rules(model, wrong):
    with pytest.raises(ValueError, match=r"must be all, largest, .* such as nearest:640,360"):
        model.model_validate({"athlete": wrong})


def test_a_document_has_text_alone():
    with pytest.raises(ValueError, match="must be all, largest"):
        Document.model_validate({"athlete": {"nearest": [1, 2]}})
