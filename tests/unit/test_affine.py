"""Crops and letterboxes: where each pixel comes from."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from podium.errors import InvalidInput
from podium.types import CropSpec, Letterbox
from podium.vision.affine import crop
from podium.vision.boxes import transform_points
from podium.vision.letterbox import letterbox


@pytest.fixture(scope="module")
def frame() -> np.ndarray:
    rng = np.random.default_rng(3)
    return cv2.GaussianBlur(rng.integers(0, 256, (360, 640, 3), np.uint8), (9, 9), 3)


def gradient(height: int = 200, width: int = 240) -> np.ndarray:
    """Red is x, green is y."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x, y, np.zeros_like(x)], -1).astype(np.uint8)


def sampled(image: np.ndarray, x: float, y: float) -> np.ndarray:
    """The oracle: bilinear interpolation by hand, the border black."""
    left, top = int(np.floor(x)), int(np.floor(y))
    value = np.zeros(3)
    for column, row in ((left, top), (left + 1, top), (left, top + 1), (left + 1, top + 1)):
        if 0 <= column < image.shape[1] and 0 <= row < image.shape[0]:
            value += (1 - abs(x - column)) * (1 - abs(y - row)) * image[row, column]
    return value


def rois(*rows) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 5)


def test_upright_region_at_its_own_size_is_a_slice(frame):
    crops = crop([frame], rois((100, 80, 64, 48, 0)), CropSpec(48, 64))
    np.testing.assert_array_equal(crops.images[0], frame[56:104, 68:132])
    np.testing.assert_allclose(crops.transforms[0], [[1, 0, 68], [0, 1, 56]], atol=1e-5)


@pytest.mark.parametrize("rotation", [0.0, 0.4, -1.9, 3.0])
def test_pixels_come_from_where_the_convention_says(frame, rotation):
    cx, cy, w, h = 300.0, 200.0, 220.0, 310.0
    crops = crop([frame], rois((cx, cy, w, h, rotation)), CropSpec(128, 96))
    cos, sin = np.cos(rotation), np.sin(rotation)
    errors = []
    for u, v in np.random.default_rng(0).integers(0, (96, 128), (200, 2)):
        a, b = (u / 96 - 0.5) * w, (v / 128 - 0.5) * h
        x, y = cx + cos * a - sin * b, cy + sin * a + cos * b
        np.testing.assert_allclose(
            transform_points(np.array([[[u, v]]]), crops.transforms)[0, 0], (x, y), atol=0.01
        )
        errors.append(np.abs(crops.images[0, v, u] - sampled(frame, x, y)).max())
    assert np.median(errors) < 1
    assert max(errors) < 8  # OpenCV interpolates at 1/32 of a pixel


def test_pixels_match_the_reference_warp(frame):
    """MediaPipe maps the corners of the region with getPerspectiveTransform."""
    for cx, cy, side, rotation in ((320, 180, 300, 0.5), (60, 40, 280, -2.0), (500, 300, 90, 1.1)):
        corners = cv2.boxPoints(((cx, cy), (side, side), np.degrees(rotation)))
        target = np.array([[0, 256], [0, 0], [256, 0], [256, 256]], np.float32)
        matrix = cv2.getPerspectiveTransform(corners, target)
        for border, mode in (
            ("constant", cv2.BORDER_CONSTANT),
            ("replicate", cv2.BORDER_REPLICATE),
        ):
            expected = cv2.warpPerspective(frame, matrix, (256, 256), borderMode=mode)
            image = crop([frame], rois((cx, cy, side, side, rotation)), CropSpec(256, 256, border))
            difference = np.abs(image.images[0].astype(int) - expected)
            assert difference.max() <= 8
            assert (difference > 0).mean() < 0.005


def test_positive_rotation_is_clockwise_as_seen():
    image = np.zeros((101, 101, 3), np.uint8)
    image[50, 60:90] = 255  # a bar to the right of the centre
    crops = crop([image], rois((50, 50, 100, 100, np.pi / 2)), CropSpec(100, 100))
    rows, columns = np.nonzero(crops.images[0][..., 0] > 128)
    assert rows.max() < 50  # seen from a viewer turned clockwise it points up
    assert abs(columns.mean() - 50) <= 1


def test_borders():
    image = np.full((50, 50, 3), 200, np.uint8)
    outside = rois((0, 25, 100, 100, 0))
    black = crop([image], outside, CropSpec(100, 100, "constant")).images[0]
    repeated = crop([image], outside, CropSpec(100, 100, "replicate")).images[0]
    assert (black[:, :40] == 0).all()
    assert (repeated == 200).all()


def test_rows_are_independent_and_none_is_fine(frame):
    rows = rois((100, 100, 50, 80, 0.3), (400, 200, 300, 200, -1))
    other = frame[::-1].copy()
    together = crop([frame, other], rows, CropSpec(64, 48))
    for i, picture in enumerate((frame, other)):
        alone = crop([picture], rows[i : i + 1], CropSpec(64, 48))
        np.testing.assert_array_equal(together.images[i], alone.images[0])
    assert crop([], rois(), CropSpec(64, 48)).images.shape == (0, 64, 48, 3)
    assert crop([], rois(), CropSpec(64, 48)).transforms.shape == (0, 2, 3)


def test_points_return_through_the_inverse(frame):
    rng = np.random.default_rng(1)
    rows = np.column_stack(
        [
            rng.uniform(0, 640, 50),
            rng.uniform(0, 360, 50),
            rng.uniform(20, 900, (50, 2)),
            rng.uniform(-3, 3, 50),
        ]
    ).astype(np.float32)
    transforms = crop([frame] * 50, rows, CropSpec(256, 192)).transforms
    points = rng.uniform(0, 256, (50, 33, 2)).astype(np.float32)
    there = transform_points(points, transforms)
    back = np.stack([cv2.invertAffineTransform(transform) for transform in transforms])
    assert np.abs(transform_points(there, back) - points).max() < 0.01


@pytest.mark.parametrize(
    "bad",
    [
        (np.nan, 0, 10, 10, 0),
        (0, np.inf, 10, 10, 0),
        (0, 0, 0, 10, 0),
        (0, 0, 10, -1, 0),
        (0, 0, 1e9, 10, 0),
        (1e9, 0, 10, 10, 0),
        (0, 0, 10, 10, np.nan),
    ],
)
def test_impossible_regions_are_named(frame, bad):
    with pytest.raises(InvalidInput, match="rois: row 1"):
        crop([frame] * 2, rois((5, 5, 10, 10, 0), bad), CropSpec(8, 8))


@pytest.mark.parametrize("shape", [(200, 240), (240, 130)])
@pytest.mark.parametrize("spec", [Letterbox(96), Letterbox(224), Letterbox(96, "top_left", 114)])
def test_letterboxed_pixels_show_what_their_transform_says(shape, spec):
    image, transform = letterbox(gradient(*shape), spec)
    assert image.shape == (spec.size, spec.size, 3)
    height, width = shape
    pixels = np.argwhere(image[..., 2] == 0)[:, ::-1].astype(
        np.float32
    )  # the fill is not 0 in blue
    at = transform_points(pixels[None], transform[None])[0]
    inside = (at > 1).all(1) & (at[:, 0] < width - 2) & (at[:, 1] < height - 2)
    assert inside.sum() > 0.4 * spec.size**2
    shown = image[pixels[inside, 1].astype(int), pixels[inside, 0].astype(int), :2]
    np.testing.assert_allclose(shown, at[inside], atol=1.0)


def test_centred_letterbox_is_the_crop_of_the_square_around_the_frame(frame):
    image, transform = letterbox(frame, Letterbox(224))
    square = crop([frame], rois((320, 180, 640, 640, 0)), CropSpec(224, 224))
    np.testing.assert_array_equal(image, square.images[0])
    np.testing.assert_array_equal(transform, square.transforms[0])
    assert (image[:40] == 0).all()


def test_top_left_letterbox_is_a_resize_on_the_fill(frame):
    image, transform = letterbox(frame, Letterbox(416, "top_left", 114))
    np.testing.assert_array_equal(image[:234], cv2.resize(frame, (416, 234)))
    assert (image[234:] == 114).all()
    np.testing.assert_allclose(transform[0], [640 / 416, 0, 320 / 416 - 0.5], rtol=1e-5)


def test_extreme_shapes_keep_at_least_a_pixel():
    for shape in ((1, 3000, 3), (3000, 1, 3)):
        for anchor in ("center", "top_left"):
            image, transform = letterbox(np.full(shape, 255, np.uint8), Letterbox(64, anchor))
            assert image.shape == (64, 64, 3)
            assert np.isfinite(transform).all()
