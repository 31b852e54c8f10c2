"""Boxes, regions, matching, interpolation and identities against hand-worked cases."""

from __future__ import annotations

import numpy as np
import pytest

from podium.vision.assignment import match
from podium.vision.boxes import (
    box_of_keypoints,
    box_of_roi,
    clip_boxes,
    iou,
    roi_of_box,
    suppress,
    transform_boxes,
    transform_rois,
)
from podium.vision.interpolation import interpolate_rois
from podium.vision.tracking import Tracker


def f32(*rows):
    return np.array(rows, np.float32)


def test_iou_by_hand():
    a = f32([0, 0, 2, 2], [0, 0, 0, 0])
    b = f32([1, 0, 3, 2], [5, 5, 6, 6], [0, 0, 2, 2])
    np.testing.assert_allclose(iou(a, b), [[2 / 6, 0, 1], [0, 0, 0]])


def test_box_of_keypoints_ignores_unseen_ones():
    keypoints = f32([10, 20, 0.9], [30, 60, 0.9], [500, 500, 0.1])[None]
    np.testing.assert_allclose(box_of_keypoints(keypoints, margin=0.1), [[6, 16, 34, 64]])
    unseen = f32([10, 20, 0.1], [30, 60, 0.1])[None]
    np.testing.assert_allclose(box_of_keypoints(unseen, margin=0), [[10, 20, 30, 60]])
    assert box_of_keypoints(np.zeros((0, 5, 3), np.float32)).shape == (0, 4)


def test_roi_of_box_widens_to_the_aspect_then_scales():
    tall = roi_of_box(f32([0, 0, 10, 100]), scale=1.25, aspect=0.75)
    np.testing.assert_allclose(tall, [[5, 50, 93.75, 125, 0]])
    wide = roi_of_box(f32([0, 0, 90, 10]), scale=1.0, aspect=0.75)
    np.testing.assert_allclose(wide, [[45, 5, 90, 120, 0]])
    np.testing.assert_allclose(box_of_roi(wide), [[0, -55, 90, 65]])


def test_regions_and_boxes_move_with_similarities():
    angle, scale = 0.3, 2.0
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    transform = np.array([[[c, -s, 5], [s, c, 7]]], np.float32)
    moved = transform_rois(f32([1, 2, 10, 20, 0.1]), transform)
    np.testing.assert_allclose(moved[0, :2], [c - 2 * s + 5, s + 2 * c + 7], rtol=1e-6)
    np.testing.assert_allclose(moved[0, 2:], [20, 40, 0.4], rtol=1e-6)
    scaled = transform_boxes(f32([1, 2, 3, 4]), f32([2, 0, 1], [0, 2, -1])[None])
    np.testing.assert_allclose(scaled, [[3, 3, 7, 7]])


def test_suppress_keeps_the_surer_of_two_within_a_group():
    boxes = f32([0, 0, 10, 10], [1, 0, 11, 10], [1, 0, 11, 10], [50, 0, 60, 10])
    scores = np.array([0.6, 0.9, 0.5, 0.4], np.float32)
    groups = np.array([0, 0, 1, 0])
    np.testing.assert_array_equal(suppress(boxes, scores, groups, 0.5), [1, 2, 3])


def test_match_takes_the_cheapest_first():
    cost = np.array([[0.1, 0.2], [0.15, 0.9]])
    assert match(cost, 1.0) == [(0, 0), (1, 1)]
    assert match(cost, 0.5) == [(0, 0)]
    assert match(np.array([[np.nan]]), 1.0) == []
    assert match(np.zeros((0, 3)), 1.0) == []


def roi(x, side=100.0, rotation=0.0):
    return [x, 0, side, side, rotation]


def test_two_persons_are_interpolated_apart():
    positions = np.array([0, 4, 8])
    rois = f32(roi(0), roi(500), roi(540), roi(40), roi(80), roi(580))
    image_index = np.array([0, 0, 1, 1, 2, 2])
    position, filled, scores = interpolate_rois(
        positions, image_index, rois, np.ones(6, np.float32), 9
    )
    assert position.tolist() == sorted(2 * list(range(9)))
    for frame in range(9):
        xs = sorted(filled[position == frame, 0].tolist())
        np.testing.assert_allclose(xs, [10 * frame, 500 + 10 * frame], rtol=1e-5)
    np.testing.assert_allclose(scores, 1)


def test_rotation_goes_the_short_way():
    rois = f32(roi(0, rotation=np.pi - 0.1), roi(0, rotation=-np.pi + 0.1))
    _, filled, _ = interpolate_rois(
        np.array([0, 2]), np.array([0, 1]), rois, np.ones(2, np.float32), 3
    )
    assert abs(filled[1, 4]) == pytest.approx(np.pi, abs=1e-5)


def test_a_person_who_comes_and_goes_is_held_for_one_gap():
    positions = np.array([0, 4, 8, 12])
    position, filled, _ = interpolate_rois(
        positions, np.array([1]), f32(roi(7)), np.ones(1, np.float32), 13
    )
    assert position.tolist() == [1, 2, 3, 4, 5, 6, 7]
    np.testing.assert_allclose(filled[:, 0], 7)


def test_a_missed_detection_is_bridged_and_a_jump_is_not():
    positions = np.array([0, 4, 8])
    bridged, _, _ = interpolate_rois(
        positions, np.array([0, 2]), f32(roi(0), roi(40)), np.ones(2, np.float32), 9
    )
    assert bridged.tolist() == list(range(9))
    jumped, filled, _ = interpolate_rois(
        positions, np.array([0, 2]), f32(roi(0), roi(4000)), np.ones(2, np.float32), 9
    )
    assert jumped.tolist() == [0, 1, 2, 3, 5, 6, 7, 8]
    assert set(filled[:, 0].tolist()) == {0, 4000}


def test_nobody():
    position, rois, scores = interpolate_rois(
        np.array([0]), np.zeros(0, np.int64), np.zeros((0, 5), np.float32), np.zeros(0), 5
    )
    assert (len(position), rois.shape, len(scores)) == (0, (0, 5), 0)


def person(x, leg=0.0):
    keypoints = np.array([[x, 0, 1], [x, 50, 1], [x + leg, 100, 1]], np.float32)
    return keypoints, box_of_keypoints(keypoints[None])[0]


def test_ids_stay_with_two_runners_who_cross():
    tracker = Tracker()
    seen = []
    for t in range(60):
        left, right = person(5 * t, leg=20), person(300 - 5 * t, leg=-20)
        order = [left, right] if t % 2 else [right, left]
        ids = tracker.update(
            np.stack([box for _, box in order]), np.stack([k for k, _ in order]), t / 60
        )
        seen.append(tuple(ids if t % 2 else ids[::-1]))
    assert set(seen) == {seen[0]}


def test_a_track_is_forgotten_after_its_time():
    tracker = Tracker(forget_after_s=1.0)
    keypoints, box = person(0)
    other, far = person(4000)
    first = tracker.update(box[None], keypoints[None], 0.0)[0]
    for frame in range(1, 60):
        tracker.update(far[None], other[None], frame / 60)
    assert tracker.update(box[None], keypoints[None], 0.99)[0] == first
    for frame in range(60, 180):
        tracker.update(far[None], other[None], frame / 60)
    assert tracker.update(box[None], keypoints[None], 3.1)[0] != first


def test_one_person_on_frames_far_apart_is_one_track():
    for gap_s, metres_per_s in ((1.5, 0.0), (0.43, 5.0), (1.0, 9.0)):
        tracker = Tracker()
        ids = set()
        for frame in range(20):
            keypoints, box = person(frame * gap_s * metres_per_s * 50)  # 100 px are 2 m
            ids |= set(tracker.update(box[None], keypoints[None], frame * gap_s).tolist())
        assert ids == {0}, (gap_s, metres_per_s)


@pytest.mark.parametrize("count", [0, 1, 200])
def test_suppress_equals_the_plain_loop(count):
    rng = np.random.default_rng(count)
    center, size = rng.uniform(-50, 400, (count, 2)), rng.uniform(10, 120, (count, 2))
    size[::10] = 0
    boxes = np.concatenate([center - size / 2, center + size / 2], axis=1).astype(np.float32)
    scores, groups = rng.random(count).astype(np.float32), rng.integers(0, 4, count) * 10**10
    kept: list[int] = []
    for row in np.argsort(-scores):
        rivals = [k for k in kept if groups[k] == groups[row]]
        if not rivals or iou(boxes[row : row + 1], boxes[rivals]).max() <= 0.45:
            kept.append(int(row))
    assert suppress(boxes, scores, groups, 0.45).tolist() == sorted(kept)
    if count == 200:
        assert 20 < len(kept) < 190


def test_boxes_are_cut_to_the_frame():
    boxes = f32([-5, -5, 10, 20], [600, 300, 700, 400], [650, 10, 700, 60], [5, 5, 6, 7])
    clipped = clip_boxes(boxes, 640, 360)
    np.testing.assert_allclose(
        clipped,
        [[-0.5, -0.5, 10, 20], [600, 300, 639.5, 359.5], [639.5, 10, 639.5, 60], [5, 5, 6, 7]],
    )


def test_without_holding_nobody_is_where_nobody_was_seen():
    positions = np.array([0, 4, 8, 12])
    position, filled, _ = interpolate_rois(
        positions, np.array([1, 2]), f32(roi(7), roi(15)), np.ones(2, np.float32), 13, hold=False
    )
    assert position.tolist() == [4, 5, 6, 7, 8]
    np.testing.assert_allclose(filled[:, 0], [7, 9, 11, 13, 15])
