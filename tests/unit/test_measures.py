"""A measure is a value: one that is registered appears everywhere, and no other file knows it."""

import csv
import json

import numpy as np
import pytest
from rich.console import Console

from podium.biomechanics.measures.measure import Measure
from podium.biomechanics.measures.registry import (
    dictionary,
    measured,
    unregister,
)
from podium.cli.display import summary_table
from podium.postprocess.postprocessor import Postprocessor
from podium.schemas.measures import MeasureFile
from podium.schemas.postprocess import PostprocessOptions
from podium.schemas.results import FrameResult, PersonResult, PipelineResult, SourceResult
from podium.schemas.summary import Summary
from podium.skeletons import SKELETONS

SHAPE = np.random.default_rng(5).uniform([-20, -60], [20, 60], size=(17, 2))


def run(frames: int = 60) -> PipelineResult:
    """A rigid person who moves by 5 pixels a frame, at 50 frames/s."""
    persons = [
        PersonResult(
            track_id=0,
            box=(75 + 5 * i, 135, 125 + 5 * i, 265),
            score=0.8,
            keypoints=[(100 + 5 * i + dx, 200 + dy, 0.9) for dx, dy in SHAPE.tolist()],
        )
        for i in range(frames)
    ]
    return PipelineResult(
        pipeline="pose-2d",
        skeleton="coco17",
        models={},
        source=SourceResult(width=640, height=480, fps=50, frame_count=frames, duration_s=1),
        frames=[
            FrameResult(index=i, time_s=i / 50, status="ok", persons=[person])
            for i, person in enumerate(persons)
        ],
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What postprocessing writes of one clip."""
    folder = tmp_path_factory.mktemp("clip")
    options = PostprocessOptions(overlay=False, overlay_frames=0)
    Postprocessor().process(folder / "no.mp4", [run()], folder, options)
    return folder


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def toy_measures():
    """One file's worth of new measures: a number, one that is missing, and a series."""

    @measured()
    def toys(movement):
        frames = len(movement.analysis.trajectory)
        yield Measure(
            name="toy_count", label="Toys seen", unit="toys", method="Counted, twice.",
            value=3.25, sd=0.5, n=7, digits=2, shown="first",
        )  # fmt: skip
        yield Measure(
            name="toy_height_m", label="Height of the toy", unit="m", method="A ruler.",
            reason="the toy sits down",
        )  # fmt: skip
        yield Measure(
            name="toy_swing_deg", label="Swing of the toy", unit="deg", method="Two strings.",
            samples=np.arange(frames, dtype=float), sd=0.25, digits=1, plot="Swing of the toy",
        )  # fmt: skip

    yield toys
    unregister(toys)


def test_a_new_measure_appears_everywhere(toy_measures, tmp_path):
    """Tables, summary, report, plots and the command line take it from the registry alone."""
    options = PostprocessOptions(overlay=False, overlay_frames=0)
    result = Postprocessor().process(tmp_path / "no.mp4", [run(frames=20)], tmp_path, options)

    numbers = {row["measure"]: row for row in rows(tmp_path / "measures.csv")}
    assert numbers["toy_count"] == {
        "person": "0", "measure": "toy_count", "value": "3.25", "unit": "toys", "sd": "0.5",
        "n": "7", "label": "Toys seen", "method": "Counted, twice.", "reason": "",
    }  # fmt: skip
    assert numbers["toy_height_m"]["value"] == ""
    assert numbers["toy_height_m"]["reason"] == "the toy sits down"
    swing = [r for r in rows(tmp_path / "biomechanics.csv") if r["name"] == "toy_swing_deg"]
    assert [float(row["value"]) for row in swing] == list(range(20))

    summary = Summary.model_validate_json((tmp_path / "summary.json").read_bytes())
    assert summary == result.summary
    (person,) = summary.persons
    count = person.measures["toy_count"]
    assert (count.value, count.sd, count.n, count.unit) == (3.25, 0.5, 7, "toys")
    assert person.measures["toy_height_m"].reason == "the toy sits down"
    assert (person.series["toy_swing_deg"].max, person.series["toy_swing_deg"].sd) == (19, 0.25)

    html = (tmp_path / "report.html").read_text()
    for text in ("Toys seen", "3.25 toys", "Swing of the toy", "the toy sits down"):
        assert text in html
    assert 'aria-label="Swing of the toy"' in html
    console = Console(width=120)
    with console.capture() as shown:
        console.print(summary_table(tmp_path, summary, frames_per_s=None, accuracy=None))
    assert "toys seen" in shown.get()
    assert "3.25 ± 0.50 toys" in shown.get()


@pytest.mark.parametrize("name", SKELETONS)
def test_every_measure_is_defined_for_an_athlete_who_is_never_seen(name):
    entries = dictionary(SKELETONS[name])
    assert len(entries) == len({entry.name for entry in entries})
    for entry in entries:
        assert entry.label
        assert entry.method
        assert entry.is_series or (entry.value is None and entry.reason)
        assert not len(entry.known)
    places = [entry.place for entry in entries if entry.is_series]
    assert len(places) == len(set(places))


def test_an_athlete_has_the_measures_of_the_dictionary(folder):
    numbers = [row["measure"] for row in rows(folder / "measures.csv")]
    entries = dictionary(SKELETONS["coco17"])
    assert numbers == [entry.name for entry in entries if not entry.is_series]


def test_the_list_of_measures_names_each_with_a_value_or_a_reason(folder):
    listed = MeasureFile.model_validate_json((folder / "measures.json").read_bytes())
    (athlete,) = listed.athletes
    assert [m.name for m in athlete.measures] == [m.name for m in dictionary(SKELETONS["coco17"])]
    table = rows(folder / "biomechanics.csv")
    samples = 0
    for entry in athlete.measures:
        if entry.kind == "number":
            assert (entry.value is None) == (entry.reason is not None)
            samples += entry.value is not None
        else:
            cells = [row[entry.column] for row in table if row["name"] == entry.row]
            assert sum(cell != "" for cell in cells) == entry.n
            assert (entry.n == 0) == (entry.reason is not None)
            samples += entry.n
    summary = Summary.model_validate_json((folder / "summary.json").read_bytes())
    points = summary.data_points
    assert points.known == samples > 1000
    assert points.measures_known + points.measures_missing == len(athlete.measures)
    assert sum(points.reasons.values()) == points.measures_missing
    assert all(points.reasons)


def test_two_measures_of_one_name_are_a_mistake(toy_measures):
    measured()(toy_measures)
    with pytest.raises(ValueError, match="toy_count"):
        dictionary(SKELETONS["coco17"])


def test_a_null_in_the_summary_has_a_reason(tmp_path):
    options = PostprocessOptions(overlay=False, overlay_frames=0)
    Postprocessor().process(tmp_path / "no.mp4", [run(frames=2)], tmp_path, options)
    (person,) = json.loads((tmp_path / "summary.json").read_bytes())["persons"]
    for measure in person["measures"].values():
        assert (measure["value"] is None) == (measure["reason"] is not None)
