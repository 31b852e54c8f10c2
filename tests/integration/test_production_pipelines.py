"""All shipped pipelines end to end, over the real services, on networks small enough for tests.

The repository holds random networks under the names that the shipped pipelines ask for, and
planted ones: a detector that always sees one known box, heat maps that are the red channel of the
crop, and a pose that is the same for everybody, so that every number of the answer is known.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
import tritonclient.http as triton

from podium.local.stack import Stack
from podium.models.manifest import read_manifest, write_manifest
from podium.pipelines.camera import ASSUMED
from podium.pipelines.spec import SHIPPED, load_pipelines
from podium.skeletons import H36M18, skeleton
from tests.support.http_calls import post, post_json
from tests.support.tiny_networks import constant, every_fourth_red_pixel, store

EXPORTS = Path(__file__).parents[1] / "models"
"""Small exports of the networks, with random weights; their model.yaml says what made them."""

PLANTED = """
apiVersion: podium.dev/v1alpha1
kind: Pipeline
metadata: {{name: planted-{task}}}
spec:
  detection: {{model: planted-yolox, tiles: never}}
  pose: {{stage: {task}, model: planted-{family}, minPresence: 0.2}}
"""

WIDTH, HEIGHT = 640, 360
BOX = np.array([200, 60, 400, 320]) - 0.5  # corners of pixels, from the centre of the first
PLACE = (310.3, 170.7)
GAMMA = 1.25


def planted_detector():
    """For 64 x 64: a tenth of the frame, so the middle of the box is in column 3, row 2 of 8."""
    rows = np.zeros((1, 8 * 8 + 4 * 4 + 2 * 2, 85), np.float32)
    rows[0, 8 * 2 + 3, :6] = 30 / 8 - 3, 19 / 8 - 2, np.log(20 / 8), np.log(26 / 8), 0.9, 1.0
    return constant((64, 64), {"output": rows})


def planted_pose():
    cells = np.random.default_rng(0).uniform(8, 56, (1, len(H36M18), 3)).astype(np.float32)
    cells[0, 0] = 32
    gamma = np.full((1, 1), GAMMA, np.float32)
    return constant((256, 256), {"coordinates": cells, "gamma": gamma})


def adopt(repository, model, called):
    """Copy the folder of a model, under the name that a shipped pipeline asks for."""
    target = repository / called / "1"
    shutil.copytree(model / "1", target)
    manifest = read_manifest(target / "model.yaml")
    write_manifest(target / "model.yaml", manifest.model_copy(update={"name": called}))


@pytest.fixture(scope="module")
def stack(model_repository, shared_folder):
    """In the place of the one with the default models alone."""
    repository, pipelines = shared_folder / "models", shared_folder / "pipelines"
    for name in ("blazepose-detector", "blazepose-landmark"):
        shutil.copytree(model_repository / name, repository / name)
    for called, name in {
        "yolox-nano": "yolox", "yolox-s": "yolox", "hrnet-w32": "hrnet", "3dmppe": "3dmppe",
    }.items():  # fmt: skip
        adopt(repository, EXPORTS / name, called)
    for called in ("blazepose-lite", "blazepose-heavy"):
        adopt(repository, model_repository / "blazepose-landmark", called)
    pipelines.mkdir()
    store(repository, planted_detector(), "yolox", "detection", (64, 64), name="planted-yolox")
    for family, task, network, size, facts in (
        (
            "hrnet",
            "pose2d",
            every_fourth_red_pixel((128, 96), 17),
            (128, 96),
            {"skeleton": "coco17", "options": {"decode": "dark"}},
        ),
        ("3dmppe", "pose3d", planted_pose(), (256, 256), {"skeleton": "h36m18"}),
    ):
        store(repository, network, family, task, size, name=f"planted-{family}", **facts)
        document = PLANTED.format(task=task, family=family)
        (pipelines / f"{task}.yaml").write_text(document)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PODIUM_GATEWAY_PIPELINES", str(pipelines))
        with Stack(models=repository) as stack:
            yield stack


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("production")


@pytest.fixture(scope="module")
def picture():
    """A red spot on black, of the size that a heat map has after training."""
    rows, columns = np.indices((HEIGHT, WIDTH))
    squared = (columns - PLACE[0]) ** 2 + (rows - PLACE[1]) ** 2
    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    frame[..., 2] = np.round(255 * np.exp(-squared / (2 * 20.8**2)))  # BGR
    return cv2.imencode(".png", frame)[1].tobytes()


def ask(stack, pipeline, body, kind, **options):
    query = "&".join(f"{name}={value}" for name, value in options.items())
    url = f"{stack.gateway_url}/v1/pipelines/{pipeline}?{query}"
    status, answer = post(url, body, kind)
    assert status == 200, answer
    return answer


@pytest.mark.parametrize("pipeline", sorted(load_pipelines([SHIPPED])))
def test_every_shipped_pipeline_answers(stack, clip, pipeline):
    answer = ask(stack, pipeline, clip.read_bytes(), "video/mp4", count=8)
    assert [frame["index"] for frame in answer["frames"]] == list(range(8))
    assert {frame["status"] for frame in answer["frames"]} <= {"ok", "no_person"}
    persons = [person for frame in answer["frames"] for person in frame["persons"]]
    assert persons
    joints = len(skeleton(answer["skeleton"]))
    for person in persons:
        assert np.array(person["keypoints"]).shape == (joints, 3)
        assert np.isfinite(person["keypoints"]).all()
        if answer["models"].keys() & {"pose3d"}:
            assert np.array(person["keypoints_3d"]).shape == (joints, 3)


def test_serving_processes_have_no_torch(stack):
    for process in stack.processes:
        loaded = {Path(part.path).name for part in psutil.Process(process.pid).memory_maps()}
        assert not [name for name in loaded if "torch" in name], process.name


def test_boxes_crops_and_heat_maps_lead_back_to_the_frame(stack, picture):
    (frame,) = ask(stack, "planted-pose2d", picture, "image/png")["frames"]
    (person,) = frame["persons"]
    found = np.array(person["keypoints"])
    np.testing.assert_allclose(found[:, :2], np.tile(PLACE, (17, 1)), atol=0.5)
    assert person["score"] > 0.9
    nobody = cv2.imencode(".png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))[1].tobytes()
    assert ask(stack, "planted-pose2d", nobody, "image/png")["frames"][0]["status"] == "no_person"


def depth_m(fx, fy):
    side = 1.25 * (BOX[2:] - BOX[:2]).max()
    return GAMMA * 2 * (fx * fy) ** 0.5 / side


def test_distance_and_shape_follow_from_the_camera(stack, picture):
    for camera in (None, (1000.0, 1100.0, 300.0, 200.0)):
        options = {} if camera is None else {"intrinsics": ",".join(map(str, camera))}
        answer = ask(stack, "planted-pose3d", picture, "image/png", **options)
        assert answer["degraded"] == ([ASSUMED] if camera is None else [])
        fx, fy, cx, cy = camera or (1500, 1500, WIDTH / 2, HEIGHT / 2)
        (person,) = answer["frames"][0]["persons"]
        assert person["root_depth"] == pytest.approx(depth_m(fx, fy), rel=1e-5)
        pixels, relative_m = (np.array(person[key]) for key in ("keypoints", "keypoints_3d"))
        np.testing.assert_array_equal(relative_m[0], 0)
        np.testing.assert_allclose(pixels[0, :2], (BOX[:2] + BOX[2:]) / 2, atol=1e-3)
        z = person["root_depth"]
        hips = [(pixels[0, 0] - cx) / fx * z, (pixels[0, 1] - cy) / fy * z, z]
        x, y, z = (relative_m + hips).T  # where each joint is, seen through the camera again
        again = np.stack([x / z * fx + cx, y / z * fy + cy], axis=1)
        np.testing.assert_allclose(again, pixels[:, :2], atol=1e-2)


@contextmanager
def triton_client(stack, service):
    client = triton.InferenceServerClient(stack.urls[service].removeprefix("http://"))
    try:
        yield client
    finally:
        client.close()


def tensor(name, array, datatype):
    wanted = triton.InferInput(name, list(array.shape), datatype)
    wanted.set_data_from_numpy(array)
    return wanted


def test_distances_as_tensors(stack, picture):
    media = tensor("media", np.array([picture], object), "BYTES")
    options = {"intrinsics": "1500,1500,320,180"}
    with triton_client(stack, "gateway") as client:
        result = client.infer("planted-pose3d", [media], parameters=options)
    depth = result.as_numpy("root_depth")
    np.testing.assert_allclose(depth, [depth_m(1500, 1500)], rtol=1e-5)


def test_inputs_of_a_3d_model_must_have_a_row_for_each_crop(stack):
    images = tensor("images", np.zeros((3, 256, 256, 3), np.uint8), "UINT8")
    boxes = tensor("boxes", np.ones((3, 4), np.float32), "FP32")
    intrinsics = tensor("intrinsics", np.ones((1, 4), np.float32), "FP32")
    with triton_client(stack, "pose3d") as client:
        with pytest.raises(triton.InferenceServerException, match="intrinsics: has 1 rows"):
            client.infer("planted-3dmppe", [images, boxes, intrinsics])
        with pytest.raises(triton.InferenceServerException, match="intrinsics: is missing"):
            client.infer("planted-3dmppe", [images, boxes])


def test_a_crop_that_is_refused_leaves_the_others(stack):
    boxes = np.tile(np.array([[0, 0, 100, 100]], np.float32), (3, 1))
    boxes[1] = np.nan
    inputs = [
        tensor("images", np.zeros((3, 256, 256, 3), np.uint8), "UINT8"),
        tensor("boxes", boxes, "FP32"),
        tensor("intrinsics", np.full((3, 4), 500, np.float32), "FP32"),
    ]
    with triton_client(stack, "pose3d") as client:
        result = client.infer("planted-3dmppe", inputs)
    assert result.get_response()["parameters"]["failed_rows"] == "[1]"
    assert np.isfinite(result.as_numpy("root_depth")).tolist() == [True, False, True]


def test_boxes_outside_of_the_frame_are_nobody(stack):
    """The letterbox of a flat frame is mostly padding, and the planted box lies in it."""
    flat = cv2.imencode(".png", np.zeros((16, 640, 3), np.uint8))[1].tobytes()
    answer = ask(stack, "planted-pose3d", flat, "image/png")
    assert answer["frames"][0]["status"] == "no_person"


@pytest.mark.parametrize("intrinsics", ["1500,1500,320", "0,1500,320,180", "a,b,c,d", [1, 2]])
def test_intrinsics_that_make_no_sense(stack, intrinsics):
    status, answer = post_json(
        f"{stack.gateway_url}/v1/pipelines/planted-pose3d",
        {"uri": "file:///nowhere.mp4", "intrinsics": intrinsics},
    )
    assert status == 400
    assert answer["error"].startswith("intrinsics")
