"""Filters, peaks and interpolation that Podium has of its own give what SciPy gives."""

import numpy as np
import pytest
import scipy.interpolate
import scipy.signal

from podium.biomechanics.signals.butterworth import butterworth
from podium.biomechanics.signals.gaps import pchip
from podium.biomechanics.signals.peaks import WINDOW_FRAMES, prominent_peaks


@pytest.mark.parametrize("count", [10, 60, 600])
@pytest.mark.parametrize(("fps", "cutoff_hz"), [(60.0, 8.0), (240.0, 8.0), (30.0, 14.9)])
def test_butterworth_is_the_filter_of_scipy(count, fps, cutoff_hz):
    random = np.random.default_rng(count)
    values = random.normal(size=(count, 5)).cumsum(axis=0)
    sections = scipy.signal.butter(2, cutoff_hz, fs=fps, output="sos")
    padding = min(max(9, round(fps / cutoff_hz)), count - 1)
    expected = scipy.signal.sosfiltfilt(sections, values, axis=0, padlen=padding)
    filtered = butterworth(values, fps, cutoff_hz=cutoff_hz)
    np.testing.assert_allclose(filtered, expected, atol=1e-10)


def signal(random: np.random.Generator, number: int) -> np.ndarray:
    """Noise, a walk, or one of both with plateaus; now and then with a gap."""
    values = random.normal(size=random.integers(3, 300))
    values = values.cumsum() if number % 2 else values
    values = values.round() if number % 4 < 2 else values
    if number % 7 == 0:
        values[random.integers(len(values))] = np.nan
    return values


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # SciPy's of plateaus
def test_peaks_and_their_feet_are_those_of_scipy(monkeypatch):
    random = np.random.default_rng(0)
    found = 0
    for number in range(300):
        values = signal(random, number)
        window, distance = int(random.integers(4, 400)), int(random.integers(1, 6))
        prominence = random.uniform(0, 2)
        monkeypatch.setattr(
            "podium.biomechanics.signals.peaks.WINDOW_FRAMES", (window, WINDOW_FRAMES[1])
        )
        peaks, around = scipy.signal.find_peaks(
            values, prominence=prominence, distance=distance, wlen=window
        )
        bases = around["left_bases"].tolist(), around["right_bases"].tolist()
        ours = prominent_peaks(
            values, np.arange(len(values)), prominence=prominence, within_s=1, distance=distance
        )
        assert ours == list(zip(peaks.tolist(), *bases, strict=True))
        found += len(ours)
    assert found > 3000


def test_interpolation_keeps_the_shape_as_that_of_scipy():
    random = np.random.default_rng(0)
    for number in range(300):
        x = random.uniform(0.01, 1, random.integers(2, 30)).cumsum()
        y = random.normal(size=len(x))
        y = y.round() if number % 3 == 0 else y.cumsum()
        at = np.append(random.uniform(x[0], x[-1], 20), x)
        expected = scipy.interpolate.PchipInterpolator(x, y)(at)
        np.testing.assert_allclose(pchip(x, y, at), expected, atol=1e-12)
