"""Strictly sequential regions: each frame is cropped where the one before saw the person."""

import numpy as np
import pytest

from podium.pipelines.follow import follow
from podium.pipelines.sequence import follow_in_sequence
from podium.pipelines.spec import PipelineRequest, PoseStep
from tests.support.athletes_on_ways import FRAMES, SEARCHED, Athletes, region


async def run(athletes, detections, how=follow_in_sequence, **options):
    index = np.concatenate([[k] * len(found) for k, found in enumerate(detections)]).astype(int)
    rois = np.concatenate([f for f in detections if len(f)]).astype(np.float32)
    scores = np.ones(len(rois), np.float32)
    return await how(athletes, SEARCHED, index, rois, scores, frame_count=FRAMES, **options)


def zigzag(frame):
    """Motion that is not straight between two detection frames; on these it is in the middle."""
    return 400 + 50 * np.sin(2 * np.pi * frame / 8)


async def test_each_frame_waits_for_the_one_before():
    athletes = Athletes(zigzag)
    detections = [[region(zigzag(frame))] for frame in SEARCHED]
    persons = await run(athletes, detections, shape=(1.5, 1.0))
    assert athletes.cuts == [1] * FRAMES
    assert persons.frame_index.tolist() == list(range(FRAMES))
    assert set(persons.track_ids.tolist()) == {0}
    np.testing.assert_allclose(persons.rois[:, 0], [zigzag(f) for f in range(FRAMES)], atol=1e-3)
    between = await run(Athletes(zigzag), detections, follow, hold=True)
    assert len(between.frame_index) < FRAMES


async def test_two_who_cross_keep_their_numbers_and_are_seen_once():
    ways = (lambda frame: 200 + 20.0 * frame, lambda frame: 820 - 20.0 * frame)
    persons = await run(
        Athletes(*ways),
        [[region(way(frame)) for way in ways] for frame in SEARCHED],
        shape=(1.5, 1.0),
    )
    first = persons.rows(np.flatnonzero(persons.frame_index == 0))
    assert sorted(first.track_ids.tolist()) == [0, 1]
    pairs = set(zip(persons.frame_index.tolist(), persons.track_ids.tolist(), strict=True))
    assert len(pairs) == len(persons.frame_index)


async def test_who_leaves_is_gone_and_who_comes_is_found():
    leaves = Athletes(lambda frame: 200 + 20.0 * frame if frame < 10 else None)
    persons = await run(leaves, [[region(200)], *[[] for _ in SEARCHED[1:]]], shape=(1.5, 1.0))
    assert persons.frame_index.tolist() == list(range(10))
    assert sum(leaves.cuts) <= 10 + 4
    comes = Athletes(lambda frame: 900 - 20.0 * frame if frame > 10 else None)
    detections = [[region(900 - 20.0 * frame)] if frame > 10 else [] for frame in SEARCHED]
    persons = await run(comes, detections, shape=(1.5, 1.0))
    assert persons.frame_index.tolist() == list(range(12, FRAMES))


async def test_models_that_give_no_regions_are_followed_by_their_key_points():
    class Silent(Athletes):
        async def __call__(self, position, rois, scores):
            rows, persons, refused = await super().__call__(position, rois, scores)
            return rows, type(persons)(*_with_rois(persons, rois[rows])), refused

    persons = await run(
        Silent(lambda frame: 200 + 12.0 * frame), [[region(200)]] + [[]] * 8, shape=(1.25, 1.0)
    )
    assert persons.frame_index.tolist() == list(range(FRAMES))
    centres = (persons.boxes[:, 0] + persons.boxes[:, 2]) / 2
    np.testing.assert_allclose(centres, 200 + 12 * np.arange(FRAMES), atol=1e-2)


def _with_rois(persons, rois):
    fields = ("frame_index", "track_ids", "boxes", "scores", "keypoints", "keypoints_3d")
    return (*(getattr(persons, name) for name in fields), rois)


def test_it_is_an_option_of_pipelines_and_requests():
    step = {"stage": "pose2d", "model": "x"}
    assert PoseStep(**step).regions == "interpolated"
    assert PoseStep(**step, regions="sequential").regions == "sequential"
    assert PipelineRequest(regions="sequential").regions == "sequential"
    with pytest.raises(ValueError, match="regions"):
        PipelineRequest(regions="both")
