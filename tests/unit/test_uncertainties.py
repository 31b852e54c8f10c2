"""Stated uncertainties: bands of 95 % hold the truth as often as they say, for each number."""

import numpy as np
import pytest

from podium.biomechanics.analysis import AnalysisOptions
from podium.biomechanics.measures.gait import OSCILLATION_SD
from podium.biomechanics.measures.registry import measure
from podium.lab.athlete.posture import Gait
from podium.skeletons import HALPE26
from tests.support.band_coverage import (
    TOE_M,
    assert_bands_hold,
    coverage,
    errors_over_sd,
    fit_once,
    of_repetitions,
    print_table,
)
from tests.support.seen_runner import seen_runner, true_numbers

GAITS = [
    Gait(speed_m_s, stride_hz)
    for speed_m_s, stride_hz in ((4.5, 1.6), (5, 2), (6, 2), (7, 2), (8.5, 2.1), (9.5, 2.2))
]
PROPORTIONS_SD = 0.015
"""People of one height differ in the length from ankle to shoulder; as if the height were wrong."""
EVENT_S = ((-0.006, 0.009), (0.001, 0.006))
"""Mean and standard deviation over athletes of the time from where the toe stands still to the true
contact, and from where it moves off to the true toe-off. The method finds them 6 ms before and 1 ms
after, so it is right on average, and as often wrong as it was by force plates: 12 ms early to 17
late, and 7 early to 19 late."""

SAME_IN_ALL = "knee_flexion_range_deg"
"""What the filter takes from it is nearly the same in all runs: bands hold all of them or none."""


@pytest.fixture
def one_fit_for_all(monkeypatch):
    fit_once(monkeypatch)


def simulated(seed):
    """Measure -> (value - truth) / sd of a run: 60 or 120 frames/s, 2.5 to 10 mm of white noise.

    Errors of the feet that last are 7.5 to 12.5 mm more.
    """
    random = np.random.default_rng(5000 + seed)
    gait = GAITS[random.integers(len(GAITS))]
    on_s, off_s = (random.normal(mean, sd) for mean, sd in EVENT_S)
    true = true_numbers(gait, on_s, off_s, random.normal(0, TOE_M))
    person = seen_runner(
        gait,
        fps=(60, 120)[random.integers(2)],
        noise_px=random.uniform(0.5, 2),
        seconds=1.2,
        seed=seed,
        lasting_px=random.uniform(1.5, 2.5),
    )
    height_m = gait.height_m * random.normal(1, PROPORTIONS_SD)
    athlete = measure(person, HALPE26, AnalysisOptions(athlete_height_m=height_m))
    true["vertical_oscillation_m"] += random.normal(0, OSCILLATION_SD) * gait.height_m
    return errors_over_sd(athlete, true)


def test_bands_hold_the_truth(one_fit_for_all):
    """A small part of the 500 below; bands that are half as wide as they should be fail."""
    found = of_repetitions(simulated, 16)
    assert set(found) == set(true_numbers(GAITS[0]))
    assert_bands_hold(found, at_least=12)


@pytest.mark.slow
def test_bands_of_every_number_hold_the_truth_of_500_repetitions(one_fit_for_all):
    found = of_repetitions(simulated, 500)
    print_table(found)
    for name, errors in found.items():
        assert coverage(errors) >= 0.9, name
        assert coverage(errors) <= 0.99 or name.endswith(SAME_IN_ALL), name
