"""Identities across batches, the choice of the athlete, and one clip through the analysis."""

from dataclasses import replace

import numpy as np
import pytest

from podium.biomechanics.analysis import AnalysisOptions, analyse
from podium.biomechanics.measures.registry import measure
from podium.biomechanics.persons.trajectories import Tracklet, link
from podium.biomechanics.signals.filters import Smoothing
from podium.biomechanics.signals.timeline import timeline
from podium.skeletons import COCO17

FPS = 30.0
HALF_BOX = np.array([25.0, 65.0])
SHAPE = np.random.default_rng(3).uniform([-20, -60], [20, 60], size=(17, 2))


def tracklet(batch: int, frames: range, x: float, vx: float, y: float = 200.0) -> Tracklet:
    """A rigid person whose x is ``x`` at frame 0 and moves by ``vx`` a frame."""
    index = np.array(frames)
    centre = np.stack([x + vx * index, np.full(len(index), y)], axis=1)
    points = centre[:, None, :] + SHAPE
    return Tracklet(
        batch=batch,
        frame_index=index,
        boxes=np.concatenate([centre - HALF_BOX, centre + HALF_BOX], axis=1),
        scores=np.ones(len(index)),
        keypoints=np.concatenate([points, np.full((len(index), 17, 1), 0.9)], axis=-1),
        keypoints_3d=np.full((len(index), 17, 3), np.nan),
    )


def clip(count: int):
    index = np.arange(count)
    return timeline(index, index / FPS, max_frames=10_000)


def centres(person) -> np.ndarray:
    return (person.boxes[:, 0] + person.boxes[:, 2]) / 2


def test_two_runners_keep_their_identities_across_batches():
    parts = [
        tracklet(batch, range(start, start + 20), x, vx)
        for batch, start in enumerate(range(0, 100, 20))
        for x, vx in ((100, 12), (900, -2))
    ]
    persons = link(reversed(parts), clip(100))
    assert [len(person) for person in persons] == [100, 100]
    for person, (x, vx) in zip(persons, ((100, 12), (900, -2)), strict=True):
        np.testing.assert_allclose(centres(person), x + vx * np.arange(100))


def test_runners_who_cross_between_two_batches_are_not_swapped():
    parts = [
        tracklet(b, range(30 * b, 30 * b + 30), x, v)
        for b in (0, 1)
        for x, v in ((0, 10), (600, -10))
    ]
    persons = link(parts, clip(60))  # they meet at frame 30
    assert len(persons) == 2
    np.testing.assert_allclose(np.diff(centres(persons[0])), 10)
    np.testing.assert_allclose(np.diff(centres(persons[1])), -10)


def shaken(part: Tracklet, seed: int, noise_px: float = 5.0) -> Tracklet:
    """The same person, with a body that jumps about from frame to frame."""
    noise = np.random.default_rng(seed).normal(0, noise_px, (len(part.boxes), 2))
    keypoints = part.keypoints.copy()
    keypoints[..., :2] += noise[:, None]
    return replace(part, boxes=part.boxes + np.tile(noise, 2), keypoints=keypoints)


@pytest.mark.parametrize("seed", range(6))
def test_one_overtakes_on_the_border_while_each_hides_the_other(seed):
    """Paths tell them apart, as they do within a batch; places on the border do not."""
    slow = [tracklet(0, range(0, 25), 0, 10), tracklet(1, range(30, 60), 0, 10)]
    fast = [tracklet(0, range(0, 30), -240, 18), tracklet(1, range(36, 60), -240, 18)]
    parts = [shaken(part, 10 * seed + n) for n, part in enumerate([*slow, *fast])]
    persons = link(parts, clip(60))
    assert len(persons) == 2
    speeds = [np.nanmedian((centres(p)[-10:] - centres(p)[:10]) / (len(p) - 10)) for p in persons]
    np.testing.assert_allclose(sorted(speeds), [10, 18], atol=1)


def test_who_turns_round_out_of_sight_stays_the_same_person():
    there, back = tracklet(0, range(0, 20), 0, 10), tracklet(1, range(26, 46), 460, -10)
    (person,) = link([there, back], clip(46))
    assert len(person) == 46


def test_a_wrong_pair_is_no_cheaper_than_a_right_one_and_a_stranger():
    """Somebody leaves and somebody else enters where the athlete goes on."""
    parts = [
        tracklet(0, range(0, 30), 0, 10),
        tracklet(0, range(0, 30), 359, -1),
        tracklet(1, range(30, 60), 0, 10),
        tracklet(1, range(30, 60), 980, -24),  # at 260 on frame 30
    ]
    persons = link(parts, clip(60))
    assert sorted(len(p) for p in persons) == [30, 30, 60]
    np.testing.assert_allclose(centres(max(persons, key=len)), 10 * np.arange(60))


def test_overlapping_and_repeated_batches_give_each_frame_once():
    parts = [
        tracklet(0, range(0, 40), 100, 8),
        tracklet(1, range(0, 40), 101, 8),  # the same batch, sent again
        tracklet(2, range(30, 60), 101, 8),
    ]
    (person,) = link(parts, clip(60))
    assert person.frame_index.tolist() == list(range(60))
    np.testing.assert_allclose(centres(person)[:40], 100 + 8 * np.arange(40))  # the first wins


def test_a_short_absence_is_joined_and_a_long_one_is_a_new_person():
    short = link([tracklet(0, range(0, 30), 0, 10), tracklet(0, range(45, 90), 0, 10)], clip(90))
    assert len(short) == 1
    assert np.isnan(short[0].keypoints[30:45]).all()
    long = link([tracklet(0, range(0, 30), 0, 10), tracklet(0, range(75, 90), 0, 10)], clip(90))
    assert [len(person) for person in long] == [30, 15]


def test_others_who_leave_and_enter_do_not_disturb_the_athlete():
    parts = [
        tracklet(0, range(0, 30), 100, 10),
        tracklet(0, range(0, 10), 800, 0),
        tracklet(1, range(30, 60), 100, 10),
        tracklet(1, range(40, 60), 800, 0, y=500),
        tracklet(2, range(60, 90), 100, 10),
    ]
    persons = link(parts, clip(90))
    assert [len(person) for person in persons] == [90, 10, 20]


def test_two_tracks_of_one_batch_at_one_time_stay_two_persons():
    persons = link([tracklet(0, range(0, 20), 100, 0), tracklet(0, range(5, 20), 100, 0)], clip(20))
    assert len(persons) == 2


def measures(person, options=None):
    athlete = measure(person, COCO17, options or AnalysisOptions())
    return {found.name: found for found in athlete.measures}


def test_hip_speed_of_a_rigid_runner_is_exact():
    (person,) = link([tracklet(0, range(0, 60), 100, 10)], clip(60))
    found = measures(person)
    assert found["hip_speed_mean_px_s"].value == pytest.approx(300, abs=0.1)
    assert found["hip_speed_peak_px_s"].value == pytest.approx(300, abs=0.5)  # at the ends
    assert found["hip_speed_mean_m_s"].value is None
    assert "the athlete's height" in found["hip_speed_mean_m_s"].reason


def test_low_scores_bursts_of_absence_and_single_frames_do_not_break_the_analysis():
    whole = tracklet(0, range(0, 60), 100, 10)
    whole.keypoints[:, 5, 2] = 0.1  # a joint that is never seen
    whole.keypoints[10:14, :, 2] = 0.0
    whole.keypoints[25:50, 9, 2] = 0.2
    (person,) = link([whole], clip(60))
    analysis = analyse(person, COCO17, AnalysisOptions(max_gap_frames=5))
    assert np.isnan(analysis.plane.positions[:, 5]).all()
    assert analysis.plane.filled[10:14, 0].all()
    assert np.isnan(analysis.plane.positions[25:50, 9]).all()
    (single,) = link([tracklet(0, range(7, 8), 100, 0)], clip(60))
    found = measures(single, AnalysisOptions(smoothing=Smoothing()))
    assert found["hip_speed_peak_px_s"].value is None
    assert "too briefly" in found["hip_speed_peak_px_s"].reason
