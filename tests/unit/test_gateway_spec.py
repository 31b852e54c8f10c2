"""Pipeline documents and request options: what is accepted, and what the errors say."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from podium.athletes import Nearest
from podium.errors import InvalidInput, SetupError
from podium.pipelines.athletes import AthleteChoice
from podium.pipelines.persons import Persons
from podium.pipelines.spec import (
    SHIPPED,
    Pipeline,
    PipelineRequest,
    load_pipelines,
    read_pipeline,
)
from podium.wire.parameters import read_parameters


def read_request(values):
    return read_parameters(PipelineRequest, values)


def document(**spec):
    detection = {"model": "blazepose-detector", **spec.pop("detection", {})}
    pose = {"stage": "pose2d", "model": "blazepose-landmark", **spec.pop("pose", {})}
    return {
        "apiVersion": "podium.dev/v1alpha1",
        "kind": "Pipeline",
        "metadata": {"name": "mine", "labels": {"team": "a"}},
        "spec": {"detection": detection, "pose": pose, **spec},
    }


def test_shipped_pipelines():
    pipelines = load_pipelines([SHIPPED])
    assert {"pose-2d", "pose-3d"} <= set(pipelines)
    assert pipelines["pose-3d"].spec.pose.stage == "pose3d"
    assert pipelines["pose-2d"].spec.detection.stride == 4


def test_a_document_survives_its_own_dump():
    pipeline = read_pipeline(yaml.safe_dump(document(athletes={"maxPersons": 2})), source="x")
    again = Pipeline.model_validate(pipeline.model_dump(mode="json", by_alias=True))
    assert again == pipeline
    assert again.spec.athletes.max_persons == 2


def test_a_rule_is_text_in_documents():
    pipeline = read_pipeline(
        yaml.safe_dump(document(athletes={"select": "nearest:640,-3.5"})), source="x"
    )
    assert pipeline.spec.athletes.select == Nearest(nearest=(640, -3.5))
    dumped = pipeline.model_dump(mode="json", by_alias=True)
    assert isinstance(dumped["spec"]["athletes"]["select"], str)
    assert Pipeline.model_validate(dumped) == pipeline


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"detection": {"stride": 0}}, "spec.detection.stride: must be greater"),
        ({"detection": {"strid": 4}}, "spec.detection.strid: is not known here"),
        ({"detection": {"tiles": "maybe"}}, "spec.detection.tiles: must be 'never'"),
        ({"detection": {"minScore": float("nan")}}, "spec.detection.minScore"),
        ({"detection": {"model": "../etc"}}, "spec.detection.model: must match"),
        ({"pose": {"stage": "pose4d"}}, "spec.pose.stage: must be 'pose2d' or 'pose3d'"),
        ({"athletes": {"select": "best"}}, "spec.athletes.select"),
        ({"athletes": {"select": {"nearest": [1, 2]}}}, "nearest:x,y, such as nearest:640,360"),
        ({"athletes": {"select": "nearest:1e3,2"}}, "spec.athletes.select"),
    ],
)
def test_a_wrong_document_names_file_and_field(change, says):
    with pytest.raises(SetupError) as caught:
        read_pipeline(yaml.safe_dump(document(**change)), source="mine.yaml")
    assert caught.value.message.startswith("mine.yaml: ")
    assert says in caught.value.message


def test_documents_that_are_none(tmp_path):
    for text in ("", "7", "[", "kind: Pod", "a: &a [*a]"):
        with pytest.raises(SetupError, match=r"p\.yaml"):
            read_pipeline(text, source="p.yaml")
    with pytest.raises(SetupError, match="is not a folder"):
        load_pipelines([tmp_path / "none"])


def test_later_folders_replace(tmp_path):
    mine = document(description="other")
    mine["metadata"]["name"] = "pose-2d"
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(mine))
    assert load_pipelines([SHIPPED, tmp_path])["pose-2d"].spec.description == "other"


def test_options_from_query_and_json():
    assert read_request({"start": "5", "count": "7"}).count == 7
    assert read_request({"athlete": "nearest:10,20.5"}).athlete == Nearest(nearest=(10, 20.5))
    assert read_request({"athlete": {"nearest": [1, 2]}}).athlete == Nearest(nearest=(1, 2))
    assert read_request({"athlete": "longest"}).athlete == "longest"
    assert read_request({}).stride is None


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"start": -1}, "start"),
        ({"start": "nan"}, "start"),
        ({"start": float("nan")}, "start"),
        ({"start": 1.5}, "start"),
        ({"start": 1 << 60}, "start"),
        ({"count": 0}, "count"),
        ({"count": "many"}, "count"),
        ({"step": 0}, "step"),
        ({"stride": 1000}, "stride"),
        ({"max_persons": 0}, "max_persons"),
        ({"athlete": "fastest"}, "athlete"),
        ({"athlete": "nearest:1"}, "athlete"),
        ({"athlete": "nearest:nan,1"}, "athlete"),
        ({"athlete": "nearest:a,b"}, "athlete"),
        ({"frames": 3}, "frames"),
    ],
)
def test_wrong_options_are_named(options, field):
    with pytest.raises(InvalidInput) as caught:
        read_request(options)
    assert caught.value.message.startswith(field)


def tracks():
    """0: large and short; 1: small, long, still; 2: middling, runs from x = 0 to 900."""
    rows = []
    for frame in range(10):
        if frame < 2:
            rows.append((0, frame, [0, 0, 250, 250]))
        rows.append((1, frame, [500, 0, 560, 60]))
        if frame > 0:
            rows.append((2, frame, [100 * frame, 0, 100 * frame + 120, 120]))
    ids, frames, boxes = zip(*rows, strict=True)
    m = len(rows)
    return Persons(
        np.array(frames),
        np.array(ids),
        np.array(boxes, np.float32),
        np.ones(m, np.float32),
        np.zeros((m, 3, 3), np.float32),
        None,
        np.zeros((m, 5), np.float32),
    )


def test_all_keeps_everybody_up_to_the_limit_of_a_frame():
    persons = tracks()
    assert len(AthleteChoice("all", 3).of(persons).track_ids) == len(persons.track_ids)
    kept = AthleteChoice("all", 1).of(persons)
    assert kept.frame_index.tolist() == list(range(10))
    assert kept.track_ids.tolist() == [0, 0] + [2] * 8
    nobody = persons.rows(np.zeros(0, np.int64))
    for rule in ("all", "largest"):
        assert len(AthleteChoice(rule, 1).of(nobody).track_ids) == 0


def test_a_stream_chooses_by_what_it_has_seen():
    persons = tracks()
    choice = AthleteChoice("largest", 1)
    early = choice.of(persons.rows(np.flatnonzero(persons.frame_index < 5)))
    late = choice.of(persons.rows(np.flatnonzero(persons.frame_index >= 5)))
    assert set(early.track_ids) == {0}
    assert set(late.track_ids) == {2}
