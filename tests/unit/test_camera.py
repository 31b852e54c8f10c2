"""The pinhole camera, and RootNet's depth scale against published figures."""

from __future__ import annotations

import json

import numpy as np
import pytest

from podium.vision.boxes import box_of_roi, roi_of_box
from podium.vision.camera import assumed_intrinsics, back_project, distance_scale_m

PUBLISHED_K_MM = (9976.31, 14579.92, 10793.31, 9035.12, 10954.40)
"""Of the five persons on COCO picture 197388, the demonstration of 3DMPPE, at f = 1500 px."""


def published_box(box, width, height):
    """What the published code makes of a COCO box: cut to the frame, squared, 1.25 as large."""
    x, y, w, h = box
    x1, y1 = max(0, x), max(0, y)
    x2, y2 = min(width - 1, x1 + max(0, w - 1)), min(height - 1, y1 + max(0, h - 1))
    side = 1.25 * max(x2 - x1, y2 - y1)
    cx, cy = x1 + (x2 - x1) / 2, y1 + (y2 - y1) / 2
    return cx - side / 2, cy - side / 2, cx + side / 2, cy + side / 2


@pytest.fixture
def coco_boxes(shared_data):
    annotations = json.loads((shared_data / "real" / "coco_keypoints_2images.json").read_text())
    return [a["bbox"] for a in annotations["annotations"] if a["image_id"] == 197388]


def test_root_depth_scale_is_the_published_one(coco_boxes):
    boxes = np.array([published_box(box, 640, 392) for box in coco_boxes])
    intrinsics = np.tile(assumed_intrinsics(640, 392), (5, 1)).astype(np.float64)
    found_mm = distance_scale_m(boxes, intrinsics) * 1e3
    np.testing.assert_allclose(found_mm, PUBLISHED_K_MM, atol=0.01)


def test_our_boxes_give_nearly_the_same(coco_boxes):
    """Podium does not count a box's last pixel out: one pixel in the larger side."""
    x, y, w, h = np.array(coco_boxes, np.float32).T
    regions = box_of_roi(roi_of_box(np.stack([x, y, x + w, y + h], axis=1), 1.25, 1.0))
    intrinsics = np.tile(assumed_intrinsics(640, 392), (5, 1)).astype(np.float64)
    found_mm = distance_scale_m(regions.astype(np.float64), intrinsics) * 1e3
    np.testing.assert_allclose(found_mm, PUBLISHED_K_MM, rtol=0.01)


def project(points_m, intrinsics):
    """The pinhole camera: the inverse of ``back_project``."""
    return points_m[..., :2] / points_m[..., 2:] * intrinsics[:, None, :2] + intrinsics[:, None, 2:]


def test_there_and_back():
    rng = np.random.default_rng(0)
    points_m = rng.uniform((-3, -2, 1), (3, 2, 60), (20, 18, 3))
    intrinsics = np.column_stack([rng.uniform(300, 4000, (20, 2)), rng.uniform(0, 2000, (20, 2))])
    pixels = project(points_m, intrinsics)
    back = back_project(pixels, points_m[..., 2], intrinsics)
    np.testing.assert_allclose(back, points_m, atol=1e-6)
    np.testing.assert_allclose(project(back, intrinsics), pixels, atol=1e-6)
    on_axis = project(np.array([[[0, 0, 5.0]]]), intrinsics[:1])
    np.testing.assert_allclose(on_axis[0, 0], intrinsics[0, 2:])


def test_twice_the_focal_length_is_twice_the_distance():
    box = np.array([[10, 10, 210, 310.0]])
    near, far = (distance_scale_m(box, np.array([[f, f, 0, 0.0]])) for f in (1000, 2000))
    np.testing.assert_allclose(far, 2 * near)
    assert distance_scale_m(np.zeros((1, 4)), np.zeros((1, 4))) == 2  # one pixel, one pixel
