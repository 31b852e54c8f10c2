"""A whole video through postprocess: the files it writes, and the service in front of it."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import json
import re
import socket
import struct
import tempfile
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from html.parser import HTMLParser

import av
import cv2
import numpy as np
import pytest
import uvicorn

from podium.biomechanics.body.scale import BODY_SHORT, MODEL_SHORT
from podium.errors import TooLarge, Unprocessable, UnsupportedMedia
from podium.lab.athlete.ground_truth import load
from podium.postprocess import documents
from podium.postprocess.app import create_app
from podium.postprocess.postprocessor import Postprocessor
from podium.postprocess.service import PostprocessService
from podium.postprocess.settings import PostprocessSettings
from podium.schemas.postprocess import PostprocessOptions
from podium.schemas.results import FrameResult, PersonResult, PipelineResult, SourceResult
from podium.skeletons import BLAZEPOSE33
from podium.stages.postprocess import PostprocessModel
from podium.storage.object_store import ObjectStore, ObjectStoreSettings
from podium.wire import InferRequest, bytes_tensor
from tests.support.waiting import until

STAND_IN = {"pinky": "wrist", "thumb": "wrist", "index": "wrist", "mouth": "eye"}
"""Key points of BlazePose that the ground truth lacks -> the joint that takes their place."""


def truth_column(joints, name):
    if name in joints:
        return joints.index(name)
    side, part = name.split("_", 1)
    part = part.removesuffix("_inner").removesuffix("_outer")
    return joints.index(f"{side}_{STAND_IN.get(part, part)}")


@pytest.fixture(scope="module")
def truth(clip):
    return load(clip.with_suffix(".json"))


def results_of(truth, *, batch=25, overlap=0, skip=(), with_3d=True):
    """The ground truth as results of a pipeline, in batches with their own track numbers."""
    columns = [truth_column(truth.joints, name) for name in BLAZEPOSE33.joints]
    points, space = truth.keypoints_px[:, columns], truth.joints_m[:, columns]
    hips = space[:, [23, 24]].mean(axis=1, keepdims=True)
    space = space - hips
    count = len(points)
    source = SourceResult(
        width=truth.size_px[0],
        height=truth.size_px[1],
        fps=truth.fps,
        frame_count=count,
        duration_s=count / truth.fps,
    )

    def frame(i, track_id):
        person = PersonResult(
            track_id=track_id,
            box=tuple(truth.boxes_px[i]),
            score=0.9,
            keypoints=[(x, y, 0.9) for x, y in points[i]],
            keypoints_3d=[tuple(p) for p in space[i]] if with_3d else None,
        )
        return FrameResult(index=i, time_s=i / truth.fps, status="ok", persons=[person])

    return [
        PipelineResult(
            pipeline="pose-3d",
            skeleton="blazepose33",
            models={"pose3d": "truth@1"},
            source=source,
            frames=[
                frame(i, track_id=start)
                for i in range(max(start - overlap, 0), min(start + batch, count))
                if i not in skip
            ],
        )
        for start in range(0, count, batch)
    ]


def empty_result(frames=(), **source):
    given = {"width": 1280, "height": 720, "fps": 60, "frame_count": 60, "duration_s": 1.0}
    return PipelineResult(
        pipeline="pose-2d",
        skeleton="blazepose33",
        models={},
        source=SourceResult(**(given | source)),
        frames=list(frames),
    )


def process(source, results, output, **options):
    return Postprocessor().process(source, results, output, PostprocessOptions(**options))


def video_facts(path):
    """Size, frame rate, presentation times and codec as another reader would see them."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        times = [frame.time for frame in container.decode(stream)]
        codec = stream.codec_context
        return (codec.width, codec.height), stream.average_rate, times, (codec.name, codec.pix_fmt)


def rows_of(path, **wanted):
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if all(row[k] == v for k, v in wanted.items())]


@pytest.fixture(scope="module")
def done(clip, truth, tmp_path_factory):
    """The bundled clip with its ground truth, batches shuffled and overlapping, unfiltered."""
    output = tmp_path_factory.mktemp("done")
    batches = results_of(truth, overlap=5)
    return output, process(clip, batches[::-1], output, filter="none", overlay_frames=4)


def test_every_file_is_listed_with_its_size_and_checksum(done):
    output, result = done
    names = [file.name for file in result.files]
    assert [name for name in names if "/" not in name] == [
        "keypoints.csv",
        "biomechanics.csv",
        "measures.csv",
        "events.csv",
        "cycles.csv",
        "measures.json",
        "summary.json",
        "motion.json",
        "overlay.mp4",
        "report.html",
    ]
    assert sum(name.startswith("overlay/frame_") for name in names) == 4
    for file in result.files:
        data = (output / file.name).read_bytes()
        assert (file.size_bytes, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        assert file.uri == (output / file.name).as_uri()
    assert {p.relative_to(output).as_posix() for p in output.rglob("*") if p.is_file()} == set(
        names
    )


def test_overlay_has_the_frames_times_and_size_of_the_source(done, clip):
    output, _ = done
    size, rate, times, codec = video_facts(output / "overlay.mp4")
    source_size, source_rate, source_times, _ = video_facts(clip)
    assert (size, rate) == (source_size, source_rate)
    assert times == source_times
    assert codec == ("h264", "yuv420p")


def test_overlay_sits_on_the_athlete(done, truth):
    output, _ = done
    picture = cv2.imread(str(output / "overlay" / "frame_000059.jpg"))[..., ::-1].astype(int)
    left, right = (truth.joints.index(f"{side}_knee") for side in ("left", "right"))
    for joint, colour in ((left, (86, 180, 233)), (right, (230, 159, 0))):
        x, y = truth.keypoints_px[59, joint].round().astype(int)
        assert np.abs(picture[y, x] - colour).max() < 40


def test_knee_angles_are_those_of_the_athlete(done, truth):
    output, _ = done
    for side, name in enumerate(("left_knee_flexion", "right_knee_flexion")):
        rows = rows_of(output / "biomechanics.csv", name=name)
        flat = np.array([float(row["angle_plane_deg"]) for row in rows])
        fitted = np.array([float(row["angle_deg"]) for row in rows])
        assert {row["angle_source"] for row in rows} == {"2"}  # of the fitted body
        assert np.abs(flat - truth.knee_flexion_deg[:, side]).max() < 3.0  # perspective
        off = fitted - truth.knee_flexion_deg[:, side]
        assert np.sqrt(np.mean(off**2)) < 3.0


def test_speed_is_that_of_the_athlete(done, truth, clip, tmp_path):
    _, result = done
    (person,) = result.summary.persons
    assert person.scale_source == "3d_landmarks"
    assert any("give the athlete's height" in warning for warning in result.warnings)
    # The true joints are read as if a BlazePose model had made them, which gives bodies too small.
    speed_m_s = truth.speed_m_s / MODEL_SHORT["blazepose33"]
    assert person.measures["hip_speed_mean_m_s"].value == pytest.approx(speed_m_s, rel=0.01)
    by_height = process(
        clip, results_of(truth), tmp_path, athlete_height_m=1.8, overlay=False, overlay_frames=0
    )
    (person,) = by_height.summary.persons
    assert not by_height.warnings
    assert person.scale_source == "athlete_height"
    speed_m_s = truth.speed_m_s * BODY_SHORT["blazepose33"]
    assert person.measures["hip_speed_mean_m_s"].value == pytest.approx(speed_m_s, rel=0.03)
    assert [file.name for file in by_height.files] == [
        "keypoints.csv",
        "biomechanics.csv",
        "measures.csv",
        "events.csv",
        "cycles.csv",
        "measures.json",
        "summary.json",
        "motion.json",
        "report.html",
    ]


def test_the_default_filter_costs_a_sprinter_less_than_3_5_degrees_rms(clip, truth, tmp_path):
    process(clip, results_of(truth), tmp_path, overlay=False, overlay_frames=0)
    rows = rows_of(tmp_path / "biomechanics.csv", name="left_knee_flexion")
    flat = np.array([float(row["angle_plane_deg"]) for row in rows])
    assert np.sqrt(np.mean((flat - truth.knee_flexion_deg[:, 0]) ** 2)) < 3.5


def test_the_same_input_gives_the_same_bytes(done, clip, truth, tmp_path):
    _, first = done
    again = process(clip, results_of(truth, overlap=5), tmp_path, filter="none", overlay_frames=4)
    assert [f.sha256 for f in again.files] == [f.sha256 for f in first.files]


class AddressesOf(HTMLParser):
    """The addresses that a page asks for."""

    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("src", "href", "data-video")]


def test_report_stands_alone(done):
    output, _ = done
    html = (output / "report.html").read_text()
    addresses = AddressesOf(html).found
    assert addresses
    assert all(address.startswith(("data:", "#")) for address in addresses if address)
    static = html[html.index("<main>") :]  # what is there without JavaScript
    assert "<script" not in static
    assert static.count("<svg") >= 9
    assert re.search(r"[45]\.\d\d m/s", html)


def test_a_clip_without_persons_is_drawn_and_explained(clip, tmp_path):
    frames = [FrameResult(index=i, time_s=i / 60, status="no_person") for i in range(60)]
    result = process(clip, [empty_result(frames)], tmp_path)
    assert result.warnings[0].startswith("No person was found")
    assert result.summary.persons == []
    assert len(video_facts(tmp_path / "overlay.mp4")[2]) == 60
    assert "No person was found" in (tmp_path / "report.html").read_text()


def test_results_without_frames_are_explained(clip, tmp_path):
    result = process(clip, [empty_result()], tmp_path)
    assert "hold no frames" in result.warnings[0]
    assert rows_of(tmp_path / "keypoints.csv") == []


def test_lost_frames_of_every_kind_are_counted_and_bridged(clip, truth, tmp_path):
    (batch,) = results_of(truth, batch=60, skip={20, 21})
    for at, status in ((30, "decode_error"), (31, "failed"), (32, "no_person")):
        position = next(k for k, f in enumerate(batch.frames) if f.index == at)
        batch.frames[position] = FrameResult(index=at, time_s=at / 60, status=status, error="lost")
    batch.frames = [f for f in batch.frames if f.index < 55]  # the tail is missing
    result = process(clip, [batch], tmp_path, overlay_frames=0)
    counts = result.summary.frames
    assert (counts.count, counts.missing) == (55, 2)
    assert (counts.undecodable, counts.failed, counts.without_person) == (1, 1, 1)
    assert any("1 of 55 frames could not be decoded" in warning for warning in result.warnings)
    rows = rows_of(tmp_path / "keypoints.csv", keypoint="left_knee")
    filled = [int(row["frame"]) for row in rows if row["filled"] == "1"]
    assert set(filled) >= {20, 21, 30, 31, 32}
    assert rows[20]["x_px"] == ""
    knee = truth.keypoints_px[20, truth.joints.index("left_knee"), 0]
    assert float(rows[20]["x_filtered_px"]) == pytest.approx(knee, abs=6)
    assert len(video_facts(tmp_path / "overlay.mp4")[2]) == 55


def test_a_range_in_the_middle_and_every_second_frame(clip, truth, tmp_path):
    (batch,) = results_of(truth, batch=60)
    batch.frames = [f for f in batch.frames if f.index in range(20, 50, 2)]
    result = process(clip, [batch], tmp_path, overlay_frames=3)
    assert result.summary.frames.missing == 0
    times = video_facts(tmp_path / "overlay.mp4")[2]
    np.testing.assert_allclose(times, np.arange(15) / 30, atol=1e-6)
    assert [p.name for p in sorted((tmp_path / "overlay").iterdir())] == [
        "frame_000020.jpg",
        "frame_000034.jpg",
        "frame_000048.jpg",
    ]


def test_one_frame_of_a_video(clip, truth, tmp_path):
    (batch,) = results_of(truth, batch=60)
    batch.frames = batch.frames[7:8]
    (tmp_path / "overlay").mkdir()
    (tmp_path / "overlay" / "frame_000001.jpg").write_bytes(b"of an earlier run")
    result = process(clip, [batch], tmp_path)
    assert [p.name for p in (tmp_path / "overlay").iterdir()] == ["frame_000007.jpg"]
    assert result.summary.persons[0].measures["hip_speed_peak_px_s"].value is None
    assert len(video_facts(tmp_path / "overlay.mp4")[2]) == 1


def test_a_picture_gives_everything_but_a_video(truth, clip, tmp_path):
    with av.open(str(clip)) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="bgr24")
    cv2.imwrite(str(tmp_path / "still.jpg"), frame)
    (batch,) = results_of(truth, batch=60)
    picture = empty_result(batch.frames[:1], fps=0, frame_count=1, duration_s=0)
    result = process(tmp_path / "still.jpg", [picture], tmp_path / "out")
    assert any("source is a picture" in warning for warning in result.warnings)
    names = {file.name for file in result.files}
    assert "overlay/frame_000000.jpg" in names
    assert "overlay.mp4" not in names
    (knee,) = rows_of(tmp_path / "out" / "biomechanics.csv", name="left_knee_flexion")
    assert float(knee["angle_deg"]) == pytest.approx(truth.knee_flexion_deg[0, 0], abs=3)


def write_video(path, times_ms, *, size=(65, 49), codec="libx264", bgr=None):
    """A small video whose frame k is shown at ``times_ms[k]`` and is grey level 4 k."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30, options={"bf": "2", "crf": "1"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv444p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for k, at in enumerate(times_ms):
            picture = np.full((size[1], size[0], 3), 4 * k, np.uint8) if bgr is None else bgr
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = at, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_variable_frame_rate_and_odd_sizes_keep_their_times(tmp_path):
    times_ms = np.cumsum([0, *np.random.default_rng(2).integers(20, 60, 39)]).tolist()
    write_video(tmp_path / "vfr.mp4", times_ms)
    frames = [
        FrameResult(index=k, time_s=at / 1000, status="no_person") for k, at in enumerate(times_ms)
    ]
    source = {"width": 65, "height": 49, "fps": 25, "frame_count": 40}
    process(tmp_path / "vfr.mp4", [empty_result(frames, **source)], tmp_path / "out")
    size, _, times, _ = video_facts(tmp_path / "out" / "overlay.mp4")
    assert size == (66, 50)
    np.testing.assert_allclose(times, np.array(times_ms) / 1000, atol=1e-3)


@pytest.mark.parametrize("height", [268, 270])
def test_overlays_are_whole_and_in_the_colours_of_the_source(height, tmp_path):
    rows, columns = np.mgrid[:height, :480]
    picture = np.dstack([rows * 255 // height, columns * 255 // 480, 200 - rows * 100 // height])
    with av.open(str(tmp_path / "clip.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 480, height, "yuv420p"
        frame = av.VideoFrame.from_ndarray(picture.astype(np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    source = {"width": 480, "height": height, "fps": 25, "frame_count": 1}
    nobody = empty_result([FrameResult(index=0, time_s=0, status="no_person")], **source)
    process(tmp_path / "clip.mp4", [nobody], tmp_path / "out")
    with av.open(str(tmp_path / "out" / "overlay.mp4")) as container:
        drawn = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert drawn.shape == picture.shape
    off = np.abs(drawn.astype(int) - picture)[height // 3 :]  # below the caption
    assert off.mean() < 4
    assert off[-2:].mean() < 6


@pytest.mark.parametrize("container", ["mkv", "avi", "ts", "mov"])
def test_pictures_show_the_frames_they_name_in_every_container(container, tmp_path):
    times_ms = [round(1000 * k / 30) for k in range(60)]
    path = tmp_path / f"grey.{container}"
    write_video(path, times_ms, size=(64, 48)) if container != "avi" else write_avi(path)
    with_range = [FrameResult(index=k, time_s=k / 30, status="no_person") for k in range(10, 60)]
    source = {"width": 64, "height": 48, "fps": 30}
    process(path, [empty_result(with_range, **source)], tmp_path / "out", overlay_frames=50)
    for k in (10, 11, 12, 35, 59):
        picture = cv2.imread(str(tmp_path / "out" / "overlay" / f"frame_{k:06d}.jpg"))
        assert np.median(picture[-8:]) == pytest.approx(4 * k, abs=2)


def write_avi(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"bf": "2", "crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
        for k in range(60):
            picture = np.full((48, 64, 3), 4 * k, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def test_rotation_of_the_source_is_honoured(tmp_path):
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:24] = (255, 0, 0)  # the upper half is red
    write_video(tmp_path / "flat.mp4", range(0, 330, 33), size=(64, 48), bgr=picture)
    data = bytearray((tmp_path / "flat.mp4").read_bytes())
    matrix = data.index(b"tkhd") + 44  # version 0: a quarter turn clockwise for the player
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    (tmp_path / "turned.mp4").write_bytes(data)
    frames = [FrameResult(index=k, time_s=k * 0.033, status="no_person") for k in range(10)]
    source = {"width": 48, "height": 64, "fps": 30}
    process(tmp_path / "turned.mp4", [empty_result(frames, **source)], tmp_path / "out")
    assert video_facts(tmp_path / "out" / "overlay.mp4")[0] == (48, 64)
    shown = cv2.imread(str(tmp_path / "out" / "overlay" / "frame_000004.jpg"))
    assert shown[50, 40, 2] > 200  # red is on the right now
    assert shown[50, 8, 2] < 60


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.mp4", b"no video at all"),
        ("empty.mp4", b""),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n"),
        ("concat.txt", b"ffconcat version 1.0\nfile '/etc/hostname'\n"),
        ("broken.jpg", b"\xff\xd8\xff\xe0 then nothing"),
    ],
)
def test_a_source_that_is_no_media_is_refused(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    frames = [FrameResult(index=0, time_s=0, status="no_person")]
    with pytest.raises((UnsupportedMedia, Unprocessable), match=r"^source: "):
        process(tmp_path / name, [empty_result(frames)], tmp_path / "out")


def test_a_source_with_too_many_pixels_is_refused(clip, tmp_path):
    frames = [FrameResult(index=0, time_s=0, status="no_person")]
    with pytest.raises(TooLarge, match="1280x720"):
        Postprocessor(max_pixels=1000).process(
            clip, [empty_result(frames)], tmp_path / "out", PostprocessOptions()
        )


# The service


@pytest.fixture(scope="module")
def service(clip, tmp_path_factory):
    """Base URL of a running service, and the folder that it may write to."""
    writable = tmp_path_factory.mktemp("written")
    settings = PostprocessSettings(
        objects=ObjectStoreSettings(read_roots=(clip.parent, writable), write_roots=(writable,))
    )
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_app(settings), log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", writable
        server.should_exit = True
        thread.join()


def infer(url, inputs, parameters=None):
    """Status and body of an infer call in plain JSON."""
    body = {
        "parameters": parameters or {},
        "inputs": [
            {"name": name, "datatype": "BYTES", "shape": [1], "data": [text]}
            for name, text in inputs.items()
        ],
    }
    request = urllib.request.Request(
        f"{url}/v2/models/postprocess/infer", json.dumps(body).encode()
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def as_json(results):
    return "[" + ",".join(result.model_dump_json() for result in results) + "]"


def test_service_writes_below_the_prefix_and_says_what(service, clip, truth):
    url, writable = service
    (writable / "results.jsonl").write_text(
        "\n".join(result.model_dump_json() for result in results_of(truth))
    )
    status, answer = infer(
        url,
        {
            "source": clip.as_uri(),
            "results_uri": (writable / "results.jsonl").as_uri(),
            "output": (writable / "run").as_uri(),
        },
        {"overlay_frames": 2, "athlete": "largest", "timeout": 60_000_000},
    )
    assert status == 200
    result = json.loads(answer["outputs"][0]["data"][0])
    assert result["summary"]["persons"][0]["frames_seen"] == 60
    for file in result["files"]:
        path = writable / "run" / file["name"]
        assert file["uri"] == path.as_uri()
        assert hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"]


@pytest.fixture
def good_inputs(service, clip, truth):
    return {
        "source": clip.as_uri(),
        "results": as_json(results_of(truth)),
        "output": (service[1] / "bad").as_uri(),
    }


@pytest.mark.parametrize(
    ("changes", "parameters", "expected"),
    [
        ({"results": None}, {}, (400, "exactly one of results and results_uri")),
        ({"results": "[]"}, {}, (400, "results: is empty")),
        ({"results": "[1]"}, {}, (400, "results.0: ")),
        ({"source": "file:///etc/hostname"}, {}, (403, "source: ")),
        ({"source": "http://example.invalid/x.mp4"}, {}, (403, "source: ")),
        ({"source": "sprint.mp4"}, {}, (400, "source: ")),
        ({"output": "file:///etc/podium"}, {}, (403, "output: ")),
        ({"source": "missing"}, {}, (404, "source: ")),
        ({}, {"cutoff_hz": -1}, (400, "cutoff_hz: ")),
        ({}, {"colour": "red"}, (400, "colour: is unknown")),
    ],
)
def test_bad_requests_are_answered_by_name(service, good_inputs, changes, parameters, expected):
    url, writable = service
    inputs = {name: text for name, text in (good_inputs | changes).items() if text is not None}
    if inputs["source"] == "missing":
        inputs["source"] = (writable / "missing.mp4").as_uri()
    status, answer = infer(url, inputs, parameters)
    assert (status, set(answer)) == (expected[0], {"error"})
    assert expected[1] in answer["error"]
    assert not (writable / "bad").exists()


async def test_a_cancelled_request_ends_its_work_and_leaves_no_files(
    clip, truth, tmp_path, monkeypatch
):
    scratch, output = tmp_path / "scratch", tmp_path / "output"
    scratch.mkdir()
    output.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    reports = []
    monkeypatch.setattr(documents, "render_report", reports.append)
    store = ObjectStore(ObjectStoreSettings(read_roots=(clip.parent,), write_roots=(output,)))
    inputs = {
        "source": clip.as_uri(),
        "results": as_json(results_of(truth)),
        "output": (output / "run").as_uri(),
    }
    with ThreadPoolExecutor(1) as executor:
        model = PostprocessModel(PostprocessService(Postprocessor(), store, executor))
        tensors = {name: bytes_tensor(text) for name, text in inputs.items()}
        call = asyncio.create_task(model.infer(InferRequest(tensors, {"overlay": True})))
        await until(lambda: list(scratch.glob("*/overlay.mp4")))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: not list(scratch.glob("podium-postprocess-*")))
    assert not list(scratch.glob("podium-postprocess-*"))  # nor has the thread made it again
    assert not reports
    assert not list(output.iterdir())
