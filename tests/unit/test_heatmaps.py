"""Decoding of heat maps and their relatives against scalar implementations and closed forms."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from podium.types import CropSpec
from podium.vision.affine import crop
from podium.vision.boxes import roi_of_box, transform_points
from podium.vision.heatmaps import decode_dark, decode_quarter, flip_back, pose_confidence
from podium.vision.simcc import decode_simcc
from podium.vision.soft_argmax import soft_argmax_3d


def quarter_offset_one_by_one(heatmap):
    """Key point of one map, as HRNet's evaluation computes it, in plain Python."""
    height, width = heatmap.shape
    heatmap = heatmap.tolist()
    best, px, py = -np.inf, 0, 0
    for y in range(height):
        for x in range(width):
            if heatmap[y][x] > best:
                best, px, py = heatmap[y][x], x, y
    if best <= 0:
        return 0.0, 0.0, best
    x, y = float(px), float(py)
    if 1 < px < width - 1 and 1 < py < height - 1:
        dx = heatmap[py][px + 1] - heatmap[py][px - 1]
        dy = heatmap[py + 1][px] - heatmap[py - 1][px]
        x += 0.25 * ((dx > 0) - (dx < 0))
        y += 0.25 * ((dy > 0) - (dy < 0))
    return x, y, best


def test_quarter_offset_equals_the_scalar_decoding():
    heatmaps = np.random.default_rng(0).normal(size=(4, 17, 16, 12)).astype(np.float32)
    heatmaps[0, 0] = -1  # nowhere above zero
    heatmaps[0, 1] = 0
    for joint, (y, x) in enumerate([(0, 0), (0, 11), (15, 0), (15, 11), (1, 5), (2, 5), (14, 5)]):
        heatmaps[1, joint, y, x] = 9
    for joint, (y, x) in enumerate([(7, 1), (7, 2), (7, 9), (7, 10), (8, 11), (13, 9)]):
        heatmaps[2, joint, y, x] = 9
    heatmaps[3, 0] = 1  # all equal: the first cell
    expected = [[quarter_offset_one_by_one(m) for m in person] for person in heatmaps]
    np.testing.assert_allclose(decode_quarter(heatmaps), expected, atol=1e-6)


def gaussian(x, y, sigma, shape=(64, 48), height=1.0):
    rows, columns = np.indices(shape)
    return height * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))


@pytest.mark.parametrize(("sigma", "shape"), [(2.0, (64, 48)), (3.0, (96, 72))])
def test_dark_finds_the_top_of_a_gaussian(sigma, shape):
    rng = np.random.default_rng(1)
    x, y = rng.uniform(8, shape[1] - 9, (3, 17)), rng.uniform(8, shape[0] - 9, (3, 17))
    heatmaps = np.array(
        [
            [gaussian(*xy, sigma, shape, 0.3) for xy in zip(*person, strict=True)]
            for person in zip(x, y, strict=True)
        ],
        np.float32,
    )
    found = decode_dark(heatmaps, sigma)
    np.testing.assert_allclose(found[..., 0], x, atol=0.01)
    np.testing.assert_allclose(found[..., 1], y, atol=0.01)
    plain = decode_quarter(heatmaps)
    assert np.abs(plain[..., 0] - x).max() > 0.1  # what DARK is for


def dark_one_by_one(heatmap, sigma):
    """Key point of one map: OpenCV's blur of the whole map, derivatives cell by cell."""
    height, width = heatmap.shape
    y, x = np.unravel_index(heatmap.argmax(), heatmap.shape)
    if heatmap[y, x] <= 0:
        return 0.0, 0.0
    if not (1 < x < width - 2 and 1 < y < height - 2):
        return float(x), float(y)
    side = 2 * int(np.ceil(2.5 * sigma)) + 1
    blurred = cv2.GaussianBlur(
        heatmap.astype(np.float64), (side, side), sigma, borderType=cv2.BORDER_CONSTANT
    )
    log = np.log(np.maximum(blurred, 1e-10)).tolist()

    def along(dx, dy):
        return log[y + dy][x + dx]

    gradient = [(along(1, 0) - along(-1, 0)) / 2, (along(0, 1) - along(0, -1)) / 2]
    across = (along(1, 1) - along(1, -1) - along(-1, 1) + along(-1, -1)) / 4
    hessian = [
        [(along(2, 0) - 2 * along(0, 0) + along(-2, 0)) / 4, across],
        [across, (along(0, 2) - 2 * along(0, 0) + along(0, -2)) / 4],
    ]
    if (np.linalg.eigvalsh(hessian) >= 0).any():  # no peak
        return float(x), float(y)
    return tuple(np.array([x, y]) - np.linalg.solve(hessian, gradient))


@pytest.mark.parametrize("sigma", [2.0, 3.0])
def test_dark_equals_the_scalar_decoding(sigma):
    """Random maps with their peaks in all places, borders and corners included."""
    heatmaps = np.random.default_rng(3).uniform(0, 0.3, (24, 18, 24, 18)).astype(np.float32)
    rows, columns = np.indices((24, 18))
    heatmaps[rows, columns, rows, columns] = 1
    expected = [[dark_one_by_one(m, sigma) for m in person] for person in heatmaps]
    found = decode_dark(heatmaps, sigma)[..., :2]
    np.testing.assert_allclose(found, expected, atol=2e-5)  # of a cell; 1e-4 px of the crop
    moved = (found != np.stack([columns, rows], axis=-1)).any(axis=-1)
    assert moved[2:-2, 2:-2].mean() > 0.9
    assert not moved[:, :2].any()
    assert not moved[-2:].any()


def test_dark_leaves_borders_and_what_is_no_peak():
    maps = np.stack(
        [gaussian(1, 30, 2), gaussian(46, 30, 2), np.zeros((64, 48)), -np.ones((64, 48))]
    )
    maps = np.concatenate([maps, np.eye(64, 48)[None]])  # a ridge: no top across it
    found = decode_dark(maps[None].astype(np.float32))
    np.testing.assert_array_equal(found[0, :4, :2], [[1, 30], [46, 30], [0, 0], [0, 0]])
    assert np.isfinite(found).all()


def test_flipped_heat_maps_come_back():
    heatmaps = np.random.default_rng(2).normal(size=(2, 3, 4, 5)).astype(np.float32)
    mirror = (0, 2, 1)
    back = flip_back(heatmaps, mirror)
    for joint, other in enumerate(mirror):
        for column in range(5):
            source = 4 if column == 0 else 4 - (column - 1)
            np.testing.assert_array_equal(back[:, joint, :, column], heatmaps[:, other, :, source])


def test_pose_confidence_is_the_mean_of_what_is_seen():
    scores = np.array([[0.9, 0.5, 0.1], [0.1, 0.2, 0.0]], np.float32)
    np.testing.assert_allclose(pose_confidence(scores), [0.7, 0])


def test_simcc_equals_the_scalar_decoding():
    rng = np.random.default_rng(3)
    along_x = rng.normal(size=(3, 5, 96)).astype(np.float32)  # 48 pixels, 2 bins each
    along_y = rng.normal(size=(3, 5, 128)).astype(np.float32)
    along_x[0, 0] -= 20
    found = decode_simcc(along_x, along_y, 48, 64)
    for m in range(3):
        for j in range(5):
            x, y = max(range(96), key=along_x[m, j].item), max(range(128), key=along_y[m, j].item)
            score = min(along_x[m, j, x], along_y[m, j, y])
            expected = (x / 2, y / 2, score) if score > 0 else (0, 0, score)
            np.testing.assert_allclose(found[m, j], expected, atol=1e-6)


def test_soft_argmax_of_a_delta_is_exact():
    logits = np.zeros((2, 3, 64, 64, 64), np.float32)
    places = np.array(
        [[[0, 0, 0], [63, 63, 63], [1, 2, 3]], [[63, 0, 31], [5, 60, 7], [32, 32, 32]]]
    )
    for m, j in np.ndindex(2, 3):
        x, y, z = places[m, j]
        logits[m, j, z, y, x] = 500
    np.testing.assert_array_equal(soft_argmax_3d(logits), places)


def test_soft_argmax_is_the_expectation():
    logits = np.random.default_rng(4).normal(0, 3, (1, 2, 4, 5, 6)).astype(np.float32)
    p = np.exp(logits.astype(np.float64))
    p /= p.sum(axis=(2, 3, 4), keepdims=True)
    z, y, x = np.indices((4, 5, 6))
    expected = np.stack([(p * axis).sum(axis=(2, 3, 4)) for axis in (x, y, z)], axis=2)
    np.testing.assert_allclose(soft_argmax_3d(logits), expected, atol=1e-5)
    np.testing.assert_allclose(soft_argmax_3d(logits + 1000), expected, atol=1e-3)


@pytest.mark.parametrize("decode", [decode_quarter, decode_dark])
def test_nobody(decode):
    assert decode(np.zeros((0, 17, 64, 48), np.float32)).shape == (0, 17, 3)
    assert decode_simcc(np.zeros((0, 17, 384)), np.zeros((0, 17, 512)), 192, 256).shape == (
        0,
        17,
        3,
    )
    assert soft_argmax_3d(np.zeros((0, 18, 4, 4, 4), np.float32)).shape == (0, 18, 3)


def published_crop(box, height, width):
    """Frame -> crop by three points, as HRNet's and 3DMPPE's code builds it."""
    x1, y1, x2, y2 = box
    center = np.array([(x1 + x2) / 2, (y1 + y2) / 2])
    w, h = x2 - x1, y2 - y1
    if w > h * width / height:
        h = w * height / width
    else:
        w = h * width / height
    scale = np.array([w, h]) * 1.25
    source = [center, center - np.array([0, scale[0] / 2])]
    middle = np.array([width / 2, height / 2])
    target = [middle, middle - np.array([0, width / 2])]
    for points in (source, target):
        direction = points[0] - points[1]
        points.append(points[1] + (-direction[1], direction[0]))
    return cv2.getAffineTransform(np.float32(source), np.float32(target))


@pytest.mark.parametrize(("height", "width"), [(256, 192), (384, 288), (256, 256)])
def test_crops_are_those_of_the_published_code(height, width):
    rng = np.random.default_rng(5)
    low = rng.uniform(-20, 1000, (50, 2))
    boxes = np.concatenate([low, low + rng.uniform(20, 500, (50, 2))], axis=1).astype(np.float32)
    rois = roi_of_box(boxes, 1.25, width / height)
    frame = np.zeros((8, 8, 3), np.uint8)
    crops = crop([frame] * 50, rois, CropSpec(height, width))
    points = rng.uniform(0, 1, (50, 17, 2)) * (width, height)
    in_frame = transform_points(points.astype(np.float32), crops.transforms)
    for box, there, here in zip(boxes, in_frame, points, strict=True):
        back = there @ published_crop(box, height, width)[:, :2].T
        back += published_crop(box, height, width)[:, 2]
        np.testing.assert_allclose(back, here, atol=0.01)
