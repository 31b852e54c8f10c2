"""Stated uncertainties: bands of 95 % hold the truth as often as they say, for each number."""

import functools

import numpy as np
import pytest

from podium.biomechanics import analysis
from podium.biomechanics.analysis import AnalysisOptions
from podium.biomechanics.fit.trajectory import fit_body
from podium.biomechanics.measures.registry import measure
from podium.lab.athlete.posture import Gait
from podium.skeletons import HALPE26
from tests.support.seen_runner import seen_runner, true_numbers

GAITS = [
    Gait(speed_m_s, stride_hz)
    for speed_m_s, stride_hz in ((4.5, 1.6), (5, 2), (6, 2), (7, 2), (8.5, 2.1), (9.5, 2.2))
]
PROPORTIONS_SD = 0.015
"""People of one height differ in the length from ankle to shoulder; as if the height were wrong."""


@pytest.fixture
def one_fit_for_all(monkeypatch):
    """The fitted body is the same for every repetition: side views read no angle of it."""
    fits = {}

    def fit(points, scores, time_s, *args, **options):
        key = (len(time_s), float(time_s[-1]))
        if key not in fits:
            fits[key] = fit_body(points, scores, time_s, *args, **options)
        return fits[key]

    monkeypatch.setattr(analysis, "fit_body", fit)


@functools.cache
def truth(gait):
    return true_numbers(gait)


def errors_over_sd(repetitions):
    """Measure -> (value - truth) / sd of runs at 60 and 120 frames/s with 2.5 to 10 mm of noise."""
    found = {}
    for seed in range(repetitions):
        random = np.random.default_rng(5000 + seed)
        gait = GAITS[random.integers(len(GAITS))]
        person = seen_runner(
            gait,
            fps=(60, 120)[random.integers(2)],
            noise_px=random.uniform(0.5, 2),
            seconds=1.2,
            seed=seed,
        )
        height_m = gait.height_m * random.normal(1, PROPORTIONS_SD)
        athlete = measure(person, HALPE26, AnalysisOptions(athlete_height_m=height_m))
        for number in athlete.measures:
            if number.name in truth(gait) and number.value is not None:
                assert number.sd is not None, number.name
                error = (number.value - truth(gait)[number.name]) / number.sd
                found.setdefault(number.name, []).append(error)
    return {name: np.array(errors) for name, errors in found.items()}


def coverage(errors):
    return float(np.mean(np.abs(errors) <= 1.96))


def test_bands_hold_the_truth(one_fit_for_all):
    """A small part of the 500 below; bands that are half as wide as they should be fail."""
    found = errors_over_sd(16)
    assert set(found) == set(truth(GAITS[0]))
    for name, errors in found.items():
        assert len(errors) >= 12, name
        assert coverage(errors) >= 0.7, name
        assert np.max(np.abs(errors)) > 0.25, name
    assert 0.9 <= np.mean([coverage(errors) for errors in found.values()]) <= 0.995


@pytest.mark.slow
def test_bands_of_every_number_hold_the_truth_of_500_repetitions(one_fit_for_all):
    found = errors_over_sd(500)
    for name, errors in sorted(found.items()):
        print(f"| `{name}` | {coverage(errors):.3f} | {np.sqrt(np.mean(errors**2)):.2f} |")
    assert all(coverage(errors) >= 0.9 for errors in found.values())
