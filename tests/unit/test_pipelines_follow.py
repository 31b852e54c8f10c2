"""Regions from poses: what disagrees is cut again or dropped, whoever hides keeps a number."""

import numpy as np
import pytest

from podium.pipelines.follow import follow
from podium.pipelines.regions import SETTLED, aside, deviation, in_line, within
from podium.vision.bodies import oks, suppress_bodies
from podium.vision.interpolation import associate
from podium.vision.tracking import Tracker
from podium.ways import Way
from tests.support.athletes_on_ways import FRAMES, SEARCHED, Athletes, region


async def run(athletes, detections):
    """Follow detections: for each detection frame the regions."""
    index = np.concatenate([[k] * len(found) for k, found in enumerate(detections)]).astype(int)
    rois = np.concatenate([f for f in detections if len(f)]).astype(np.float32)
    return await follow(
        athletes,
        SEARCHED,
        index,
        rois,
        np.ones(len(rois), np.float32),
        frame_count=FRAMES,
        hold=True,
    )


async def test_good_detections_take_two_calls():
    athletes = Athletes(lambda frame: 200 + 20.0 * frame)
    detections = [[region(200 + 20.0 * frame)] for frame in SEARCHED]
    persons = await run(athletes, detections)
    assert persons.frame_index.tolist() == list(range(FRAMES))
    np.testing.assert_allclose(persons.rois[:, 0], 200 + 20 * np.arange(32), atol=1e-3)
    assert athletes.cuts == [9, 23]
    assert set(persons.track_ids.tolist()) == {0}


async def test_bad_detections_are_replaced_by_what_their_neighbours_say():
    athletes = Athletes(lambda frame: 200 + 20.0 * frame)
    detections = [[region(200 + 20.0 * frame)] for frame in SEARCHED]
    for row, shift, side in ((1, 100, 300), (3, 60, 480), (4, -70, 180), (7, 90, 250)):
        detections[row] = [region(200 + 20.0 * SEARCHED[row] + shift, side)]
    persons = await run(athletes, detections)
    assert persons.frame_index.tolist() == list(range(FRAMES))
    np.testing.assert_allclose(persons.rois[:, 0], 200 + 20 * np.arange(32), atol=1e-3)
    assert sum(athletes.cuts) <= FRAMES + 4


async def test_what_stays_bad_is_a_gap_and_not_a_person():
    athletes = Athletes(lambda frame: 200 + 20.0 * frame + (45 if 13 <= frame <= 15 else 0))
    persons = await run(athletes, [[region(200 + 20.0 * frame)] for frame in SEARCHED])
    assert persons.frame_index.tolist() == [f for f in range(FRAMES) if not 13 <= f <= 15]


async def test_a_ghost_of_one_detection_frame_is_nobody():
    athletes = Athletes(lambda frame: 200 + 20.0 * frame, lambda frame: 1100 if frame < 3 else None)
    detections = [[region(200 + 20.0 * frame)] for frame in SEARCHED]
    detections[0].append(region(1100))
    persons = await run(athletes, detections)
    assert persons.frame_index.tolist() == list(range(FRAMES))


async def test_one_region_twice_is_one_person():
    athletes = Athletes(lambda frame: 200 + 20.0 * frame)
    detections = [
        [region(200 + 20.0 * frame), region(205 + 20.0 * frame, 280)] for frame in SEARCHED
    ]
    persons = await run(athletes, detections)
    assert persons.frame_index.tolist() == list(range(FRAMES))


async def test_two_who_cross_keep_their_numbers():
    ways = (lambda frame: 200 + 20.0 * frame, lambda frame: 820 - 20.0 * frame)
    detections = [[region(way(frame)) for way in ways] for frame in SEARCHED]
    detections[4] = detections[4][:1]  # they meet
    persons = await run(Athletes(*ways), detections)
    for number in (0, 1):
        own = persons.rows(np.flatnonzero(persons.track_ids == number))
        seen = (own.frame_index < 14) | (own.frame_index > 17)
        np.testing.assert_allclose(
            own.rois[seen, 0], [ways[number](f) for f in own.frame_index[seen]], atol=1e-3
        )
        assert len(own.frame_index) >= FRAMES - 4


def test_the_straighter_association_wins():
    """A batch begins where the one behind is hidden, as an overtaken runner is."""
    slow, fast = {8: 786, 16: 876, 20: 927, 24: 975}, {0: 694, 4: 770, 16: 1007, 20: 1083, 24: 1161}
    rows = sorted([*slow.items(), *fast.items()])
    index = np.array([np.searchsorted(SEARCHED, position) for position, _ in rows])
    numbers = associate(SEARCHED, index, np.stack([region(x) for _, x in rows]))
    for way in (slow, fast):
        assert len({n for n, row in zip(numbers, rows, strict=True) if row in way.items()}) == 1


def test_a_pose_that_is_a_bit_of_two_persons_is_of_neither():
    """As measured: on one frame the pose lies between an overtaking runner and the overtaken."""
    fast = {0: 694, 4: 759, 16: 1006, 20: 1082, 24: 1160}
    slow = {8: 785, 16: 875, 20: 926, 24: 975}
    rows = sorted([*slow.items(), *fast.items(), (12, 877)])
    index = np.array([np.searchsorted(SEARCHED, position) for position, _ in rows])
    numbers = associate(SEARCHED, index, np.stack([region(x, 335) for _, x in rows]))
    numbers = dict(zip(rows, numbers.tolist(), strict=True))
    assert numbers[12, 877] == -1
    of_fast, of_slow = ([numbers[row] for row in way.items()] for way in (fast, slow))
    assert sum(number >= 0 for number in of_fast + of_slow) >= 8
    (first,), (second,) = (set(of) - {-1} for of in (of_fast, of_slow))
    assert first != second


def test_a_crop_of_a_body_that_another_overlaps_is_moved_to_the_far_side():
    rois = np.stack([region(300), region(360), region(900), region(300)])
    moved = aside(np.array([0, 0, 0, 1]), rois)
    np.testing.assert_allclose(moved[:, 0], [252, 408, 900, 300], atol=1e-3)
    np.testing.assert_allclose(moved[:, 3], [270, 270, 300, 300], atol=1e-3)
    np.testing.assert_array_equal(moved[:, [1, 4]], rois[:, [1, 4]])


def test_deviation_is_in_sides_and_the_short_way_round():
    cut = np.array([[100, 100, 200, 200, np.pi - 0.1]], np.float32)
    said = np.array([[110, 100, 200 * np.e**0.1, 200 * np.e**0.1, -np.pi + 0.1]], np.float32)
    np.testing.assert_allclose(deviation(cut, said), [[0.05, 0.1, 0.2]], atol=1e-5)
    assert within(deviation(cut, said), SETTLED).all()
    assert not within(np.array([[np.nan, 0, 0]]), SETTLED).any()


def test_in_line_compares_with_the_trusted_around():
    rois = np.stack([region(100 + 10 * frame) for frame in range(9)])
    rois[4] = region(240)
    everyone = np.ones(9, np.bool_)
    line = in_line(np.zeros(9, np.int64), np.arange(9), rois, everyone)
    assert not line[4]
    trusted = everyone & (np.arange(9) != 4)
    line = in_line(np.zeros(9, np.int64), np.arange(9), rois, trusted)
    np.testing.assert_array_equal(line, trusted)


def test_oks_by_hand():
    a = np.ones((1, 2, 3), np.float32)
    b = a + np.array([[[10, 0, 0], [0, 0, 0]]], np.float32)
    assert oks(a, b, np.full((1, 1), 1e4))[0, 0] == pytest.approx((1 + np.exp(-0.5)) / 2)
    apart = np.stack([a[0], a[0] + np.float32(300) * np.array([1, 0, 0], np.float32)])
    boxes = np.array([[0, 0, 100, 200]] * 2, np.float32)
    merit, one_frame = np.array([0.5, 0.9], np.float32), np.zeros(2, np.int64)
    assert suppress_bodies(apart, boxes, merit, one_frame, 0.6).tolist() == [0, 1]
    same = np.stack([a[0], a[0]])
    assert suppress_bodies(same, boxes, merit, one_frame, 0.6).tolist() == [1]
    assert suppress_bodies(same, boxes, merit, np.arange(2), 0.6).tolist() == [0, 1]


def test_a_way_known_ahead_tells_two_apart_who_are_at_one_place():
    tracker = Tracker()
    body = np.concatenate([np.random.default_rng(0).uniform(-40, 40, (17, 2)), np.ones((17, 1))], 1)

    def see(places, time_s, groups):
        points = np.stack([body + np.array([x, 300, 0]) for x in places]).astype(np.float32)
        boxes = np.concatenate([points.min(1)[:, :2], points.max(1)[:, :2]], axis=1)
        return tracker.update(boxes, points, time_s, np.array(groups)).tolist()

    tracker.begin({})
    for frame in range(30):  # one overtakes the other, and is on them on the last frame
        ids = see([400 + 4.0 * frame, 284 + 8.0 * frame], frame / 30, [0, 1])
    assert ids == [0, 1]
    times = (30 + np.arange(20)) / 30
    slow = np.stack([520 + 4.0 * np.arange(20), np.full(20, 300.0)], axis=1)
    fast = np.stack([524 + 8.0 * np.arange(20), np.full(20, 300.0)], axis=1)
    tracker.begin({0: Way(times, fast, 120.0), 1: Way(times, slow, 120.0)})
    assert see([524, 520], 1.0, [0, 1]) == [1, 0]
