"""How often bands of 95 % hold the truth, for each number of many simulated athletes."""

import numpy as np

from podium.biomechanics import analysis
from podium.biomechanics.fit.trajectory import fit_body

TOE_M = 0.01
"""A pose model puts each toe so much beside its place, as on rendered clips."""


def fit_once(monkeypatch):
    """Fit the body once for all clips of a length: side views read no angle of it."""
    fits = {}

    def fit(points, scores, time_s, *args, **options):
        key = (len(time_s), float(time_s[-1]))
        if key not in fits:
            fits[key] = fit_body(points, scores, time_s, *args, **options)
        return fits[key]

    monkeypatch.setattr(analysis, "fit_body", fit)


def errors_over_sd(athlete, true):
    """Measure -> (value - truth) / sd, for those with a value and a truth."""
    known = [
        number for number in athlete.measures if number.name in true and number.value is not None
    ]
    return {number.name: (number.value - true[number.name]) / number.sd for number in known}


def of_repetitions(simulated, count):
    """Measure -> the errors of all repetitions that have it.

    Args:
        simulated: From a seed to the errors of one athlete.
        count: Number of repetitions.
    """
    found = {}
    for seed in range(count):
        for name, error in simulated(seed).items():
            found.setdefault(name, []).append(error)
    return {name: np.array(errors) for name, errors in found.items()}


def coverage(errors):
    """Share of the errors within the band of 95 %."""
    return float(np.mean(np.abs(errors) <= 1.96))


def assert_bands_hold(found, at_least):
    """A few repetitions: bands that are half as wide as they should be fail.

    Args:
        found: Measure -> its errors.
        at_least: Repetitions in which each measure has to have a value.
    """
    for name, errors in found.items():
        assert len(errors) >= at_least, name
        assert coverage(errors) >= 0.7, name
        assert np.max(np.abs(errors)) > 0.25, name
    assert 0.9 <= np.mean([coverage(errors) for errors in found.values()]) <= 0.995


def print_table(found):
    """A row for each measure: share within the band, and root mean square of the errors."""
    for name, errors in sorted(found.items()):
        print(f"| `{name}` | {coverage(errors):.3f} | {np.sqrt(np.mean(errors**2)):.2f} |")
