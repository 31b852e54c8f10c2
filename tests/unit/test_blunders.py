"""Key points that a pose model puts elsewhere for some frames, while the body moves on."""

import numpy as np
import pytest

from podium.biomechanics.signals.blunders import LONGEST_S, blunders
from podium.lab.athlete.posture import Gait
from podium.skeletons import HALPE26
from tests.support.seen_athlete import PX_PER_M, SIDES
from tests.support.seen_runner import seen_runner

SPRINTER = Gait(9.5, 2.2)
RATES = [24, 30, 60, 120, 240]
FEET = [[HALPE26.index[f"{side}_{part}"] for part in ("ankle", "heel")] for side in SIDES]


def seen(fps):
    """Time and key points in body lengths of a sprinter with 10 mm of noise."""
    person = seen_runner(SPRINTER, fps=fps, noise_px=2, seconds=2, seed=1)
    return person.time_s, person.keypoints[..., :2] / (PX_PER_M * SPRINTER.height_m)


def found(points, time_s):
    return blunders(points, time_s, np.zeros(len(time_s), bool))


@pytest.mark.parametrize("fps", RATES)
def test_no_motion_of_a_sprinter_is_one(fps):
    time_s, points = seen(fps)
    assert not found(points, time_s).any()


@pytest.mark.parametrize("fps", RATES)
def test_legs_between_the_legs_are_found(fps):
    """Both feet of one frame, or of all frames in 40 ms, half way to the other foot."""
    time_s, points = seen(fps)
    left, right = (points[:, feet] for feet in FEET)
    apart = np.linalg.norm(left - right, axis=2).min(axis=1)
    for length in {1, max(1, int(LONGEST_S * fps + 1e-6))}:
        wide = [apart[at : at + length].min() for at in range(3, len(points) - 3 - length)]
        rows = slice(3 + int(np.argmax(wide)), 3 + int(np.argmax(wide)) + length)
        spoiled, expected = points.copy(), np.zeros(points.shape[:2], bool)
        for feet in FEET:
            spoiled[rows, feet] = (left[rows] + right[rows]) / 2
            expected[rows, feet] = True
        np.testing.assert_array_equal(found(spoiled, time_s), expected)
