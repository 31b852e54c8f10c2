"""Gaps, filters and derivatives against closed forms."""

from typing import get_args

import numpy as np
import pytest
from scipy.signal import butter, freqz_sos

from podium.biomechanics.signals.filters import Smoothing, smooth
from podium.biomechanics.signals.gaps import fill_gaps, outliers
from podium.biomechanics.signals.kinematics import rate_of_change, velocity
from podium.biomechanics.signals.timeline import pauses, timeline
from podium.cli import run
from podium.errors import InvalidInput, TooLarge
from podium.schemas.postprocess import FilterMethod

FPS = 120.0


def seconds(duration_s: float, fps: float = FPS) -> np.ndarray:
    return np.arange(round(duration_s * fps)) / fps


def unbroken(time_s: np.ndarray) -> np.ndarray:
    return np.zeros(len(time_s), bool)


def gain(hz: float, smoothing: Smoothing) -> float:
    """Amplitude that a long sine keeps, read from its middle."""
    time_s = seconds(20.0)
    wave = np.stack([np.sin(2 * np.pi * hz * time_s), np.cos(2 * np.pi * hz * time_s)], axis=1)
    smoothed, filtered = smooth(wave, time_s, unbroken(time_s), smoothing)
    assert filtered.all()
    middle = slice(len(time_s) // 3, -len(time_s) // 3)
    # Projection on the sine itself: a delay would lower it too.
    return float((smoothed[middle] * wave[middle]).sum() / (wave[middle] ** 2).sum())


def test_butterworth_halves_the_amplitude_at_the_cutoff():
    assert gain(6.0, Smoothing(cutoff_hz=6.0)) == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("hz", [1.0, 3.0, 9.0, 15.0])
def test_butterworth_gain_is_the_squared_response_of_one_pass(hz):
    _, response = freqz_sos(butter(2, 6.0, fs=FPS, output="sos"), worN=[hz], fs=FPS)
    assert gain(hz, Smoothing(cutoff_hz=6.0)) == pytest.approx(np.abs(response[0]) ** 2, abs=1e-3)


def test_savitzky_golay_keeps_slow_motion_and_damps_fast_noise():
    smoothing = Smoothing("savgol", cutoff_hz=6.0)
    assert gain(1.0, smoothing) == pytest.approx(1.0, abs=0.01)
    assert gain(6.0, smoothing) == pytest.approx(np.sqrt(0.5), abs=0.08)
    assert abs(gain(30.0, smoothing)) < 0.15


@pytest.mark.parametrize("hz", [3.0, 6.0, 9.0])
def test_kalman_has_the_response_of_a_quintic_spline(hz):
    """White noise in the third derivative: 1 / (1 + (f / cutoff)^6)."""
    smoothing = Smoothing("kalman", cutoff_hz=6.0)
    assert gain(hz, smoothing) == pytest.approx(1 / (1 + (hz / 6) ** 6), abs=1e-3)


def test_kalman_is_the_likeliest_motion_at_uneven_times():
    """The same motion by least squares over all states at once; a parabola stays as it is."""
    random = np.random.default_rng(4)
    time_s = np.cumsum(random.uniform(0.5, 1.5, 40)) / FPS
    values = np.sin(9 * time_s)[:, None] + random.normal(0, 0.05, (40, 1))
    smoothed, _ = smooth(values, time_s, unbroken(time_s), Smoothing("kalman", cutoff_hz=6.0))
    rows, wanted = [], []
    for t, value in enumerate(values[:, 0]):
        rows.append(np.eye(120)[3 * t])
        wanted.append(value)
    power = np.median(np.diff(time_s)) * (2 * np.pi * 6) ** 6
    for t, d in enumerate(np.diff(time_s)):
        powers = np.array([[d**5 / 20, d**4 / 8, d**3 / 6], [d**4 / 8, d**3 / 3, d**2 / 2],
                           [d**3 / 6, d**2 / 2, d]])  # fmt: skip
        root = np.linalg.inv(np.linalg.cholesky(power * powers))
        row = np.zeros((3, 120))
        row[:, 3 * t : 3 * t + 3] = -root @ [[1, d, d**2 / 2], [0, 1, d], [0, 0, 1]]
        row[:, 3 * t + 3 : 3 * t + 6] = root
        rows += [*row]
        wanted += [0, 0, 0]
    states = np.linalg.lstsq(np.array(rows), np.array(wanted))[0]
    np.testing.assert_allclose(smoothed[:, 0], states[::3], atol=1e-6)
    parabola = (1 + 2 * time_s - 3 * time_s**2)[:, None]
    same, _ = smooth(parabola, time_s, unbroken(time_s), Smoothing("kalman", cutoff_hz=6.0))
    np.testing.assert_allclose(same, parabola, atol=1e-7)


def test_the_spline_finds_its_own_cutoff():
    """Slow motion in much noise is smoothed more than fast motion in little."""
    random = np.random.default_rng(5)
    time_s = seconds(1.5)
    for hz, noise, kept in ((1, 0.2, 0.35), (5, 0.05, 0.75)):
        true = np.sin(2 * np.pi * hz * time_s)[:, None]
        noisy = true + random.normal(0, noise, true.shape)
        smoothed, filtered = smooth(noisy, time_s, unbroken(time_s), Smoothing("gcv_spline"))
        assert filtered.all()
        assert np.sqrt(np.mean((smoothed - true) ** 2)) < kept * noise
    few = noisy[:4]
    same, filtered = smooth(few, time_s[:4], unbroken(time_s[:4]), Smoothing("gcv_spline"))
    np.testing.assert_array_equal(same, few)
    assert not filtered.any()


def test_podium_run_offers_every_filter():
    (option,) = (each for each in run.command.params if "--filter" in each.opts)
    assert tuple(option.type.choices) == get_args(FilterMethod)


def test_one_euro_follows_a_fast_point_more_closely_than_a_slow_one():
    time_s = seconds(2.0)
    slow, fast = 0.2 * time_s, 50.0 * time_s
    smoothed, _ = smooth(
        np.stack([slow, fast], axis=1), time_s, unbroken(time_s), Smoothing("one_euro", 1.0)
    )
    lag_s = (np.stack([slow, fast], axis=1) - smoothed)[-1] / [0.2, 50.0]
    assert 0 < lag_s[1] < lag_s[0] / 3


def test_each_run_is_filtered_on_its_own_and_short_runs_are_left_alone():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(60, 1))
    values[20:30] = np.nan
    values[35:40] = np.nan
    time_s = seconds(0.5)
    smoothed, filtered = smooth(values, time_s, unbroken(time_s), Smoothing())
    alone, _ = smooth(values[:20], time_s[:20], unbroken(time_s[:20]), Smoothing())
    np.testing.assert_allclose(smoothed[:20], alone)
    np.testing.assert_array_equal(smoothed[30:35], values[30:35])  # five samples: too short
    assert filtered[:20].all()
    assert not filtered[20:40].any()
    assert filtered[40:].all()
    assert np.isnan(smoothed[20:30]).all()


def test_uneven_frame_times_give_the_same_motion_as_even_ones():
    rng = np.random.default_rng(1)
    time_s = np.cumsum(rng.uniform(0.5, 1.5, 400)) / FPS
    wave = np.sin(2 * np.pi * 1.0 * time_s)[:, None]
    smoothed, _ = smooth(wave, time_s, unbroken(time_s), Smoothing(cutoff_hz=12.0))
    assert np.abs(smoothed - wave)[20:-20].max() < 0.01


def test_a_cutoff_above_half_the_frame_rate_filters_nothing():
    time_s = seconds(5.0, fps=10.0)
    wave = np.sin(time_s)[:, None]
    smoothed, filtered = smooth(wave, time_s, unbroken(time_s), Smoothing(cutoff_hz=6.0))
    np.testing.assert_array_equal(smoothed, wave)
    assert not filtered.any()


@pytest.mark.parametrize("method", ["butterworth", "savgol"])
@pytest.mark.parametrize("cutoff_hz", [1e-4, 1e-12, 1e-300, 5e-324])
def test_a_cutoff_that_no_filter_can_have_filters_nothing(method, cutoff_hz):
    """Found by fuzzing: the coefficients of such a filter have no digits."""
    time_s = seconds(1.0)
    wave = np.sin(time_s)[:, None]
    smoothed, filtered = smooth(wave, time_s, unbroken(time_s), Smoothing(method, cutoff_hz))
    np.testing.assert_array_equal(smoothed, wave)
    assert not filtered.any()


def test_gaps_up_to_the_limit_are_filled_and_longer_ones_and_ends_are_not():
    time_s = seconds(0.5)
    values = (3.0 * time_s)[:, None]
    holed = values.copy()
    holed[[0, 10, 11, 12, 30, 31, 32, 33, -1]] = np.nan
    filled, which = fill_gaps(holed, time_s, unbroken(time_s), max_frames=3)
    np.testing.assert_allclose(filled[10:13], values[10:13])
    assert np.flatnonzero(which).tolist() == [10, 11, 12]
    assert np.isnan(filled[[0, 30, 33, -1]]).all()


def test_no_gap_is_filled_across_a_pause():
    time_s = np.concatenate([seconds(0.25), 10 + seconds(0.25)])
    values = np.ones((60, 1))
    values[29] = np.nan
    filled, which = fill_gaps(values, time_s, pauses(time_s), max_frames=3)
    assert np.isnan(filled[29, 0])
    assert not which.any()


def test_an_outlier_is_found_and_a_peak_is_not():
    time_s = seconds(1.0)
    wave = np.sin(2 * np.pi * 2 * time_s)[:, None]
    spoiled = wave.copy()
    spoiled[40] += 5.0
    assert not outliers(wave).any()
    assert np.flatnonzero(outliers(spoiled)).tolist() == [40]


def test_velocity_and_acceleration_of_a_sine_are_its_derivatives():
    time_s = seconds(3.0)
    omega, amplitude = 2 * np.pi * 1.0, 100.0
    positions = np.zeros((len(time_s), 1, 2))
    positions[:, 0, 0] = amplitude * np.sin(omega * time_s)
    seen = np.ones((len(time_s), 1, 1), bool)
    rate = velocity(positions, seen, time_s, unbroken(time_s))[:, 0]
    second = rate_of_change(rate, time_s, unbroken(time_s))
    inner = slice(3, -3)
    true_rate = amplitude * omega * np.cos(omega * time_s)
    true_second = -amplitude * omega**2 * np.sin(omega * time_s)
    assert np.abs(rate[inner, 0] - true_rate[inner]).max() < 1e-3 * amplitude * omega
    assert np.abs(second[inner, 0] - true_second[inner]).max() < 2e-3 * amplitude * omega**2


def test_unfiltered_positions_are_not_differentiated():
    time_s = seconds(0.5)
    positions = np.ones((len(time_s), 2, 2))
    filtered = np.ones((len(time_s), 2, 1), bool)
    filtered[:, 1] = False
    rate = velocity(positions, filtered, time_s, unbroken(time_s))
    assert np.isfinite(rate[:, 0]).all()
    assert np.isnan(rate[:, 1]).all()


def test_derivative_uses_true_times_and_stops_at_gaps():
    time_s = np.array([0.0, 1, 3, 4, 7, 8, 20, 21])
    values = (time_s**2)[:, None]
    values[5] = np.nan
    rate = rate_of_change(values, time_s, unbroken(time_s))
    np.testing.assert_allclose(rate[:5, 0], 2 * time_s[:5])
    assert np.isnan(rate[5:]).all()


def test_timeline_orders_frames_and_puts_in_the_missing_ones():
    frames = timeline(np.array([8, 0, 2, 4, 2]), np.array([0.8, 0, 0.2, 0.4, 0.2]), max_frames=9)
    assert frames.frame_index.tolist() == [0, 2, 4, 6, 8]
    np.testing.assert_allclose(frames.time_s, [0, 0.2, 0.4, 0.6, 0.8], atol=1e-12)
    assert not np.signbit(frames.time_s[0])
    assert frames.covered.tolist() == [True, True, True, False, True]


def test_timeline_undoes_the_rounding_of_times_to_milliseconds():
    index = np.arange(300)
    frames = timeline(index, np.round(index / 29.97, 3), max_frames=1000)
    assert np.ptp(np.diff(frames.time_s)) < 5e-9
    assert frames.time_s[-1] == pytest.approx(299 / 29.97, abs=1e-3)


def test_timeline_refuses_times_that_go_back_and_clips_that_are_too_long():
    with pytest.raises(InvalidInput, match="frame 1 is not after"):
        timeline(np.array([0, 1]), np.array([0.5, 0.5]), max_frames=10)
    with pytest.raises(TooLarge, match="limit is 10"):
        timeline(np.array([0, 1, 10**12]), np.array([0, 1, 2.0]), max_frames=10)


def test_timeline_refuses_frames_that_are_too_far_apart():
    far = np.array([0, 1, 9_999])
    assert len(timeline(far, far / 50, max_frames=216_000)) == 10_000
    with pytest.raises(TooLarge, match="3 frames span 20000; parts of a video"):
        timeline(np.array([0, 1, 19_999]), np.array([0, 0.02, 400.0]), max_frames=216_000)
    half = np.append(np.arange(1000), 19_999)
    assert len(timeline(half, half / 50, max_frames=216_000)) == 20_000


@pytest.mark.parametrize("fps", [60, 120, 240])
def test_the_ends_of_a_run_do_not_show_in_speeds(fps):
    """A point that moves on evenly while it bobs, as hips do: no speed that it never had."""
    time_s = np.arange(0, 1.2, 1 / fps)
    way = np.stack([1000 * time_s, 3 * np.sin(2 * np.pi * 4 * time_s)], axis=1)
    smoothed, _ = smooth(way, time_s, unbroken(time_s), Smoothing(cutoff_hz=6.0))
    speed = np.linalg.norm(np.gradient(smoothed, time_s, axis=0, edge_order=2), axis=1)
    inside = (time_s >= 0.08) & (time_s <= time_s[-1] - 0.08)
    assert np.abs(speed[inside] - 1000).max() < 5


def test_a_spline_that_finds_no_noise_leaves_the_values_as_they_are():
    time_s = 1e-6 * np.arange(8)  # a million frames a second
    values = 6.0 * np.arange(8)[:, None]
    smoothed, _ = smooth(values, time_s, unbroken(time_s), Smoothing("gcv_spline"))
    np.testing.assert_array_equal(smoothed, values)
