"""The HRNet, SimCC and 3DMPPE adapters on networks of a few nodes with known outputs."""

from __future__ import annotations

import numpy as np
import pytest

from podium.errors import InvalidInput, SetupError
from podium.skeletons import COCO17, H36M18, MUCO21
from tests.support.tiny_networks import constant, every_fourth_red_pixel, load, store

SIZE = (128, 96)
SQUARE = (256, 256)


def blob(x, y, size=SIZE, sigma=8.0, height=255):
    rows, columns = np.indices(size)
    picture = np.zeros((*size, 3), np.uint8)
    picture[..., 0] = np.round(
        height * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    )
    return picture


def hrnet(folder, **options):
    network = every_fourth_red_pixel(SIZE, 17)
    store(folder, network, "hrnet", "pose2d", SIZE, skeleton="coco17", options=options)
    return load(folder, "hrnet", "pose2d")


@pytest.mark.parametrize(("decode", "error_px"), [("quarter", 1.1), ("dark", 0.1)])
def test_hrnet_places_key_points_in_the_crop(tmp_path, decode, error_px):
    adapter = hrnet(tmp_path, decode=decode)
    places = [(48.0, 60.0), (41.3, 77.9), (66.6, 30.2)]
    pictures = np.stack([*(blob(*place) for place in places), np.zeros((*SIZE, 3), np.uint8)])
    found = adapter({"images": pictures})
    for spec in adapter.outputs:
        spec.check(found[spec.name])
    for place, keypoints in zip(places, found["keypoints"], strict=False):
        assert np.abs(keypoints[:, :2] - place).max() < error_px
    np.testing.assert_allclose(found["keypoints"][0, :, 2], 1)
    np.testing.assert_array_equal(found["keypoints"][3], 0)
    assert found["presence"][3] == 0
    assert found["presence"][0] == 1
    assert adapter.facts.presence_threshold == 0.2
    assert adapter.facts.roi_aspect == 0.75


def test_flip_test_averages_both_views(tmp_path):
    """This network sees every fourth pixel from the left: from the right it is other pixels."""
    plain, flipped = hrnet(tmp_path / "a"), hrnet(tmp_path / "b", flip_test=True)
    pictures = np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3), np.uint8)
    views = [source[:, ::4, ::4, 0] / 255 for source in (pictures, pictures[:, :, ::-1])]
    mirrored = views[1][:, :, ::-1]
    mirrored = np.concatenate([mirrored[:, :, :1], mirrored[:, :, :-1]], axis=2)
    average = ((views[0] + mirrored) / 2).astype(np.float32)
    expected = plain.postprocess(np.repeat(average[:, None], 17, axis=1))
    found = flipped({"images": pictures})
    np.testing.assert_allclose(found["keypoints"], expected["keypoints"], atol=1e-4)


def test_simcc(tmp_path):
    along_x, along_y = np.zeros((1, 17, 192), np.float32), np.zeros((1, 17, 256), np.float32)
    for joint in range(17):
        along_x[0, joint, 10 * joint + 3], along_y[0, joint, 15 * joint] = 0.7, 1.4
    along_x[0, 16] = -1
    network = constant(SIZE, {"simcc_x": along_x, "simcc_y": along_y}, "nchw")
    store(tmp_path, network, "simcc", "pose2d", SIZE, layout="nchw", skeleton="coco17")
    adapter = load(tmp_path, "simcc", "pose2d")
    found = adapter({"images": np.zeros((2, *SIZE, 3), np.uint8)})
    for keypoints in found["keypoints"]:
        joints = np.arange(16)
        np.testing.assert_allclose(keypoints[:16, 0], (10 * joints + 3) / 2)
        np.testing.assert_allclose(keypoints[:16, 1], 15 * joints / 2)
        np.testing.assert_allclose(keypoints[:16, 2], 0.7)
        np.testing.assert_array_equal(keypoints[16], 0)
    np.testing.assert_allclose(found["presence"], 0.7)


def cells(skeleton):
    """Joints all over the volume, the hips in its middle."""
    found = np.random.default_rng(7).uniform(0, 63, (1, len(skeleton), 3)).astype(np.float32)
    found[0, skeleton.index["mid_hip"]] = 32
    return found


def mppe3d(folder, outputs, skeleton=H36M18, name="3dmppe"):
    network = constant(SQUARE, outputs)
    store(folder, network, "3dmppe", "pose3d", SQUARE, name=name, skeleton=skeleton.name)
    return load(folder, name, "pose3d")


def camera_inputs(boxes, intrinsics):
    return {
        "images": np.zeros((len(boxes), *SQUARE, 3), np.uint8),
        "boxes": np.array(boxes, np.float32),
        "intrinsics": np.array(intrinsics, np.float32),
    }


BOXES = [[100, 50, 500, 450], [-20, 10, 180, 210]]
CAMERAS = [[1500, 1500, 320, 240], [900, 1100, 640, 360]]


def expected_pose(volume, gamma, box, camera, root):
    """Absolute metres of one person, joint by joint, as the published code computes them (mm)."""
    x1, y1, x2, y2 = box
    fx, fy, cx, cy = camera
    root_mm = gamma * (2000 * 2000 * fx * fy / ((x2 - x1) * (y2 - y1))) ** 0.5
    joints = []
    for x, y, z in volume.tolist():
        px, py = x / 64 * (x2 - x1) + x1, y / 64 * (y2 - y1) + y1
        depth = (z / 64 * 2 - 1) * 1000 + root_mm
        joints.append([(px - cx) / fx * depth, (py - cy) / fy * depth, depth])
    joints_m = np.array(joints) / 1000
    return joints_m - joints_m[root], root_mm / 1000


@pytest.mark.parametrize("skeleton", [H36M18, MUCO21])
def test_3dmppe_back_projects(tmp_path, skeleton):
    volume = cells(skeleton)
    gamma = np.array([[1.1]], np.float32)
    adapter = mppe3d(tmp_path, {"coordinates": volume, "gamma": gamma}, skeleton)
    found = adapter(camera_inputs(BOXES, CAMERAS))
    for spec in adapter.outputs:
        spec.check(found[spec.name])
    root = skeleton.index["mid_hip"]
    for row, (box, camera) in enumerate(zip(BOXES, CAMERAS, strict=True)):
        pose, depth = expected_pose(volume[0], 1.1, box, camera, root)
        np.testing.assert_allclose(found["keypoints_3d"][row], pose, atol=1e-5)
        assert found["root_depth"][row] == pytest.approx(depth, rel=1e-6)
    np.testing.assert_allclose(found["keypoints"][0, :, :2], volume[0, :, :2] * 4, rtol=1e-6)
    np.testing.assert_array_equal(found["keypoints_3d"][:, root], 0)
    assert adapter.facts.needs_camera is True


def test_3dmppe_from_volumes_and_without_rootnet(tmp_path):
    volume = np.zeros((1, 18 * 64, 64, 64), np.float32)
    places = np.random.default_rng(8).integers(0, 64, (18, 3))
    for joint, (x, y, z) in enumerate(places):
        volume[0, joint * 64 + z, y, x] = 300
    adapter = mppe3d(tmp_path, {"heatmaps": volume})
    found = adapter(camera_inputs(BOXES[:1], CAMERAS[:1]))
    assert "root_depth" not in found
    assert [spec.name for spec in adapter.outputs] == ["keypoints_3d", "keypoints", "scores"]
    pose, _ = expected_pose(places, 1.0, BOXES[0], CAMERAS[0], 0)
    np.testing.assert_allclose(found["keypoints_3d"][0], pose, atol=1e-5)
    nobody = adapter(camera_inputs(np.zeros((0, 4)), np.zeros((0, 4))))
    assert nobody["keypoints_3d"].shape == (0, 18, 3)


def test_3dmppe_with_inputs_that_make_no_sense(tmp_path):
    outputs = {"coordinates": cells(H36M18), "gamma": np.ones((1, 1), np.float32)}
    adapter = mppe3d(tmp_path, outputs)
    zeros = adapter(camera_inputs([[0, 0, 0, 0]], [[0, 0, 0, 0]]))
    assert all(np.isfinite(array).all() for array in zeros.values())
    for field in ("boxes", "intrinsics"):
        inputs = camera_inputs(BOXES, CAMERAS)
        inputs[field][1, 2] = np.nan
        with pytest.raises(InvalidInput, match=f"{field}: must be finite"):
            adapter(inputs)


@pytest.mark.parametrize(
    ("family", "task", "outputs"),
    [
        ("hrnet", "pose2d", {"heatmaps": np.zeros((1, 17, 32, 24), np.float32)}),
        (
            "simcc",
            "pose2d",
            {
                "simcc_x": np.zeros((1, 17, 192), np.float32),
                "simcc_y": np.zeros((1, 17, 256), np.float32),
            },
        ),
    ],
)
@pytest.mark.parametrize("rows", [0, 3])
def test_crops_that_show_nothing(tmp_path, family, task, outputs, rows):
    store(tmp_path, constant(SIZE, outputs), family, task, SIZE, skeleton="coco17")
    adapter = load(tmp_path, family, task)
    found = adapter({"images": np.zeros((rows, *SIZE, 3), np.uint8)})
    for spec in adapter.outputs:
        spec.check(found[spec.name])
        assert not found[spec.name].any()
        assert len(found[spec.name]) == rows


def test_a_skeleton_that_does_not_fit_is_refused(tmp_path):
    network = constant(SIZE, {"heatmaps": np.zeros((1, 16, 32, 24), np.float32)})
    store(tmp_path, network, "hrnet", "pose2d", SIZE, skeleton="coco17")
    with pytest.raises(SetupError, match=r"must be \[-1, 17, -1, -1\].*heatmaps\[-1, 16, 32, 24\]"):
        load(tmp_path, "hrnet", "pose2d")
    with pytest.raises(SetupError, match="coco17 has no mid_hip"):
        mppe3d(tmp_path, {"coordinates": np.zeros((1, 17, 3), np.float32)}, COCO17)


def test_mirrors_pair_the_sides():
    for skeleton in (H36M18, MUCO21):
        assert [skeleton.mirror[i] for i in skeleton.mirror] == list(range(len(skeleton)))
        assert skeleton.mirror[skeleton.index["mid_hip"]] == skeleton.index["mid_hip"]
        sides = [skeleton.joints[i] for i in skeleton.mirror]
        assert sides[skeleton.index["left_knee"]] == "right_knee"
