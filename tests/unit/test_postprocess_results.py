"""Options, reading and merging of frame results, and the tables."""

import csv
from concurrent.futures import CancelledError

import numpy as np
import orjson
import pytest

from podium.athletes import Nearest
from podium.biomechanics.analysis import AnalysisOptions, analyse
from podium.biomechanics.exports.tables import open_tables
from podium.biomechanics.measures.registry import dictionary, measure
from podium.biomechanics.persons import trajectories
from podium.biomechanics.persons.trajectories import link
from podium.errors import InvalidInput, TooLarge
from podium.postprocess.frame_results import merge
from podium.postprocess.measured_clip import analysis_options
from podium.postprocess.postprocessor import Postprocessor
from podium.postprocess.result_text import parse_results
from podium.schemas.postprocess import PostprocessOptions
from podium.schemas.results import FrameResult, PersonResult, PipelineResult, SourceResult
from podium.skeletons import COCO17
from podium.wire.parameters import read_parameters

SHAPE = np.random.default_rng(5).uniform([-20, -60], [20, 60], size=(17, 2))


def person(x: float, *, track_id: int = 0, joints: int = 17, **changes) -> PersonResult:
    points = [(x + dx, 200 + dy, 0.9) for dx, dy in SHAPE[:joints].tolist()]
    given = {"track_id": track_id, "box": (x - 25, 135, x + 25, 265), "score": 0.8}
    return PersonResult(**(given | {"keypoints": points} | changes))


def batch(indexes: range, *, speed: float = 5.0, **changes) -> PipelineResult:
    given = {
        "pipeline": "pose-2d",
        "skeleton": "coco17",
        "models": {"pose2d": "test@1"},
        "source": SourceResult(width=640, height=480, fps=50, frame_count=100, duration_s=2),
        "frames": [
            FrameResult(index=i, time_s=i / 50, status="ok", persons=[person(100 + speed * i)])
            for i in indexes
        ],
    }
    return PipelineResult(**(given | changes))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"cutoff_hz": float("nan")}, "cutoff_hz: "),
        ({"cutoff_hz": 0}, "cutoff_hz: "),
        ({"cutoff_hz": "6"}, "cutoff_hz: "),
        ({"max_gap_frames": -1}, "max_gap_frames: "),
        ({"max_gap_frames": True}, "max_gap_frames: "),
        ({"filter": "median"}, "filter: .*butterworth"),
        ({"athlete": "fastest"}, "athlete: .*most_displacement"),
        ({"athlete": "nearest:1"}, "athlete: .*nearest:640,360"),
        ({"athlete": "nearest:nan,1"}, "athlete: "),
        ({"athlete_height_m": 180}, "athlete_height_m: "),
        ({"overlay": "yes"}, "overlay: "),
        ({"intrinsics": "1400,1400"}, "intrinsics: "),
        ({"intrinsics": "0,1400,640,360"}, r"intrinsics\.0: "),
        ({"speed": 1}, "speed: is unknown; known are filter,"),
    ],
)
def test_bad_options_are_refused_by_name(parameters, message):
    with pytest.raises(InvalidInput, match=f"^{message}"):
        read_parameters(PostprocessOptions, parameters)


def test_options_and_the_parameters_of_the_protocol():
    options = read_parameters(PostprocessOptions,
        {
            "athlete": "nearest:-3.5,20", "cutoff_hz": 8, "timeout": 5, "priority": 1,
            "binary_data_output": True, "sequence_id": 3, "triton_final": True,
            "intrinsics": "1400.5,1400,640,-3",
        }
    )  # fmt: skip
    assert options.athlete == Nearest(nearest=(-3.5, 20))
    settings = analysis_options(options, (1280, 720))
    assert settings.smoothing.cutoff_hz == 8
    assert settings.intrinsics == (1400.5, 1400.0, 640.0, -3.0)


def test_results_may_be_a_list_a_single_one_or_one_per_line():
    one, two = (batch(r).model_dump_json().encode() for r in (range(3), range(3, 6)))
    assert len(parse_results(b"[" + one + b"," + two + b"]")) == 2
    assert len(parse_results(one)) == 1
    assert len(parse_results(orjson.dumps(orjson.loads(one), option=orjson.OPT_INDENT_2))) == 1
    assert len(parse_results(one + b"\n\n" + two + b"\n")) == 2
    assert parse_results(b"[]") == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "results: "),
        (b"no json", "results: "),
        (b"{}", "results.pipeline: "),
        (b'[{"pipeline": 3}]', "results.0.pipeline: "),
        (b"[" * 5000, "results.0: "),
        (
            b'[{"pipeline":"p","skeleton":"s","models":{},"source":{},"frames":' + b"[" * 5000,
            "results",
        ),
        (b'{"a": NaN}', "results"),
    ],
)
def test_results_that_cannot_be_read_are_refused(data, message):
    with pytest.raises(InvalidInput, match=f"^{message}"):
        parse_results(data)


def test_not_a_number_in_results_is_refused():
    text = batch(range(1)).model_dump_json().replace('"time_s":0.0', '"time_s":NaN').encode()
    with pytest.raises(InvalidInput, match=r"^results: is not valid JSON"):
        parse_results(text)


@pytest.mark.parametrize(
    ("results", "error", "message"),
    [
        ([], InvalidInput, "is empty"),
        ([batch(range(2), skeleton="spider8")], InvalidInput, "known are coco17"),
        ([batch(range(2)), batch(range(2, 4), skeleton="h36m17")], InvalidInput, "mixes"),
        (
            [
                batch(range(2)),
                batch(
                    range(2, 4),
                    source=SourceResult(width=1, height=1, fps=1, frame_count=1, duration_s=1),
                ),
            ],
            InvalidInput,
            "different frame sizes",
        ),
        (
            [batch(range(0), frames=[
                FrameResult(index=4, time_s=0, status="ok", persons=[person(0, joints=5)])
            ])],
            InvalidInput,
            "frame 4: has 5 key points",
        ),
        (
            [batch(range(0), frames=[
                FrameResult(index=0, time_s=0, status="ok", persons=[person(i) for i in range(101)])
            ])],
            TooLarge,
            "more than 100 persons",
        ),
        ([batch(range(2)), batch(range(10**7, 10**7 + 1))], TooLarge, "limit is 1000"),
        (
            [batch(range(0), frames=[FrameResult(index=10**17, time_s=0, status="ok")])],
            InvalidInput,
            "out of range",
        ),
    ],
)  # fmt: skip
def test_results_that_do_not_fit_together_are_refused(results, error, message):
    with pytest.raises(error, match=message):
        merge(results, max_frames=1000)


def test_batches_in_any_order_with_holes_and_overlap_become_one_clip():
    clip = merge([batch(range(30, 50)), batch(range(20)), batch(range(10, 25))], max_frames=1000)
    assert len(clip.frames) == 50
    assert clip.status["ok"] == 45
    assert (~clip.frames.covered).sum() == 5
    (found,) = link(clip.tracklets, clip.frames)
    assert len(found) == 50


def test_a_frame_without_coordinates_of_this_world_does_not_break_the_analysis():
    wild = batch(range(20))
    wild.frames[9].persons[0].keypoints[3] = (1e300, -1e300, 0.9)
    wild.frames[12].persons[0].box = (-1e308, 0, 1e308, 1)
    clip = merge([wild], max_frames=1000)
    (found,) = link(clip.tracklets, clip.frames)
    analysis = analyse(found, clip.skeleton, AnalysisOptions())
    assert np.abs(analysis.plane.positions[:, 3]).max() < 1e3  # rejected as an outlier


def read(path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(folder, athletes):
    with open_tables(folder, dictionary(COCO17)) as tables:
        for athlete in athletes:
            for table in tables:
                table.add(athlete)


@pytest.fixture
def athletes():
    clip = merge([batch(range(40))], max_frames=1000)
    (found,) = link(clip.tracklets, clip.frames)
    return [measure(found, clip.skeleton, AnalysisOptions())]


def test_keypoint_table_has_a_row_per_frame_and_key_point(athletes, tmp_path):
    write(tmp_path, athletes)
    rows = read(tmp_path / "keypoints.csv")
    assert len(rows) == 40 * 17
    row = rows[17 * 10 + 5]
    assert (row["frame"], row["person"], row["keypoint"]) == ("10", "0", "left_shoulder")
    assert float(row["time_s"]) == pytest.approx(0.2)
    assert float(row["x_px"]) == pytest.approx(100 + 50 + SHAPE[5, 0], abs=1e-3)
    assert float(row["x_filtered_px"]) == pytest.approx(float(row["x_px"]), abs=0.1)
    assert (row["score"], row["filled"]) == ("0.9000", "0")
    assert row["x_m"] == row["z_filtered_m"] == ""


def test_biomechanics_table_has_a_row_per_frame_and_joint_or_angle(athletes, tmp_path):
    write(tmp_path, athletes)
    rows = read(tmp_path / "biomechanics.csv")
    joints = {row["name"] for row in rows if row["kind"] == "joint"}
    angles = {row["name"] for row in rows if row["kind"] != "joint"}
    assert joints >= {"mid_hip", "neck", "left_knee"}
    assert {"left_knee_flexion", "trunk", "pelvis", "left_thigh"} <= angles
    assert len(rows) == 40 * (len(joints) + len(angles))
    hip = next(row for row in rows if row["frame"] == "20" and row["name"] == "mid_hip")
    assert float(hip["vx_px_s"]) == pytest.approx(
        250, abs=1
    )  # 5 pixels a frame, 50 frames a second
    assert float(hip["speed_px_s"]) == pytest.approx(250, abs=1)
    assert abs(float(hip["acceleration_px_s2"])) < 50
    assert hip["speed_m_s"] == hip["angle_deg"] == ""  # neither a height nor 3D key points
    knee = next(row for row in rows if row["name"] == "left_knee_flexion")
    assert knee["x_px"] == ""
    assert -180 < float(knee["angle_plane_deg"]) <= 180
    assert knee["angle_deg"] == knee["angle_fit_deg"] == ""  # these key points are no body


def test_metres_are_pixels_times_the_scale(tmp_path):
    clip = merge([batch(range(40))], max_frames=1000)
    (found,) = link(clip.tracklets, clip.frames)
    athlete = measure(found, clip.skeleton, AnalysisOptions(athlete_height_m=1.8))
    write(tmp_path, [athlete])
    hip = next(row for row in read(tmp_path / "biomechanics.csv") if row["name"] == "mid_hip")
    scale = athlete.analysis.scale
    assert scale.source == "athlete_height"
    assert float(hip["speed_m_s"]) == pytest.approx(
        float(hip["speed_px_s"]) * scale.m_per_px, abs=1e-3
    )


def test_nobody_gives_tables_with_a_head_alone(tmp_path):
    write(tmp_path, [])
    assert read(tmp_path / "keypoints.csv") == []
    assert (tmp_path / "keypoints.csv").read_text().startswith("frame,time_s,person,keypoint,")


@pytest.mark.parametrize(("frames", "persons"), [(120, 1), (3, 12)])
def test_work_that_nobody_waits_for_ends_within_a_step(tmp_path, frames, persons):
    """Long fits of one athlete, and many tracks to compare."""
    noise = np.random.default_rng(0).uniform(0, 40, (frames, persons, 17, 2))
    listed = [
        {
            "index": index,
            "time_s": index / 25,
            "status": "ok",
            "persons": [
                {
                    "track_id": index * persons + number if persons > 1 else 1,
                    "box": [60 * number, 0, 60 * number + 40, 40],
                    "score": 0.9,
                    "keypoints": [[60 * number + x, y, 0.9] for x, y in points.tolist()],
                }
                for number, points in enumerate(row)
            ],
        }
        for index, row in enumerate(noise)
    ]
    result = {
        "pipeline": "p",
        "skeleton": "coco17",
        "models": {"detection": "a@1"},
        "source": {
            "width": 1280,
            "height": 720,
            "fps": 25,
            "frame_count": frames,
            "duration_s": frames / 25,
        },
        "frames": listed,
    }
    calls = []

    def check() -> None:
        calls.append(0)
        if len(calls) == 20:
            raise CancelledError

    with pytest.raises(CancelledError):
        Postprocessor().process(
            tmp_path / "no.mp4",
            parse_results(orjson.dumps(result)),
            tmp_path,
            PostprocessOptions(athlete="all"),
            check,
        )
    assert not (tmp_path / "summary.json").exists()
    assert len(calls) == 20


def test_key_points_in_one_place_have_no_scale(tmp_path):
    """Found by documents with extreme numbers."""
    frames = [
        FrameResult(
            index=index,
            time_s=index / 25,
            status="ok",
            persons=[person(100, keypoints=[(100, 100, 0.9)] * 17)],
        )
        for index in range(3)
    ]
    result = PipelineResult(
        pipeline="p",
        skeleton="coco17",
        models={},
        source=SourceResult(width=640, height=480, fps=25, frame_count=3, duration_s=0.12),
        frames=frames,
    )
    options = PostprocessOptions(athlete_height_m=1.8, overlay=False, overlay_frames=0)
    done = Postprocessor().process(tmp_path / "no.mp4", [result], tmp_path, options)
    (athlete,) = done.summary.persons
    assert athlete.standing_height_px is None


@pytest.mark.parametrize("second_s", [0.0, -1.0, 5e-324, 1e-300, 1e-8])
def test_frames_at_the_same_time_are_refused(second_s):
    """Rates of frames a denormal number apart are infinite: found by extreme numbers."""
    frames = [
        FrameResult(index=index, time_s=time_s, status="no_person", persons=[])
        for index, time_s in enumerate([0.0, second_s])
    ]
    result = PipelineResult(
        pipeline="p",
        skeleton="coco17",
        models={},
        source=SourceResult(width=640, height=480, fps=25, frame_count=2, duration_s=0.1),
        frames=frames,
    )
    with pytest.raises(InvalidInput, match="time_s of frame 1 is not after the frame before"):
        merge([result], max_frames=100)


def crowd(frames, persons):
    """Results of persons side by side, each with one track over all frames."""
    listed = [
        {
            "index": index,
            "time_s": index / 25,
            "status": "ok",
            "persons": [
                {
                    "track_id": number,
                    "box": [60 * number, 0, 60 * number + 40, 90],
                    "score": 0.9,
                    "keypoints": [[60 * number + 2 * j, 5 * j + index, 0.9] for j in range(17)],
                }
                for number in range(persons)
            ],
        }
        for index in range(frames)
    ]
    facts = {"width": 640, "height": 480, "fps": 25, "frame_count": frames, "duration_s": 9}
    named = {"pipeline": "p", "skeleton": "coco17", "models": {}, "source": facts}
    return parse_results(orjson.dumps(named | {"frames": listed}))


def test_many_athletes_count_as_many_frames(tmp_path):
    """Memory grows with the frames of all athletes together."""
    only = PostprocessOptions(athlete="longest", overlay=False, overlay_frames=0)
    everybody = only.model_copy(update={"athlete": "all"})
    processor = Postprocessor(max_frames=8)
    with pytest.raises(TooLarge, match=r"athlete: 3 athletes are seen on 12 frames together"):
        processor.process(tmp_path / "no.mp4", crowd(4, 3), tmp_path, everybody)
    done = processor.process(tmp_path / "no.mp4", crowd(4, 3), tmp_path, only)
    assert done.summary.persons_found == 3
    with pytest.raises(TooLarge, match=r"results: has 36 persons on all frames together"):
        processor.process(tmp_path / "no.mp4", crowd(4, 9), tmp_path, only)


def test_persons_who_come_and_go_too_often_are_refused(monkeypatch):
    clip = merge([*crowd(2, 3), *crowd(3, 3)], max_frames=100)  # both begin with the same frame
    assert len(link(clip.tracklets, clip.frames)) == 3
    monkeypatch.setattr(trajectories, "MAX_COMPARED", 8)
    with pytest.raises(TooLarge, match=r"too many tracks of persons who come and go"):
        link(clip.tracklets, clip.frames)
