"""Stated uncertainties of jumps and sprints: bands of 95 % hold the truth."""

from dataclasses import replace

import numpy as np
import pytest

from podium.biomechanics.analysis import AnalysisOptions, analyse
from podium.biomechanics.body.scale import HEIGHT_SD, Scale
from podium.biomechanics.events.feet import Feet
from podium.biomechanics.events.gait import Gait
from podium.biomechanics.events.jump import find_jumps
from podium.biomechanics.events.movement import Movement
from podium.biomechanics.events.repeats import jump_repeats
from podium.biomechanics.events.sprint import force_velocity, time_at_m
from podium.biomechanics.measures.jump import jump
from podium.biomechanics.measures.rebounds import rebounds
from podium.biomechanics.measures.sprint import MASS_KG, sprint
from podium.skeletons import BLAZEPOSE33
from tests.support.band_coverage import coverage
from tests.support.filmed_athlete import filmed

G_M_S2 = 9.81
HEIGHT_M = 1.75
SIDES = ("left", "right")


@pytest.fixture(scope="module")
def analysis():
    """Only its scale is looked at."""
    _, trajectory = filmed(seconds=0.1)
    found = analyse(trajectory, BLAZEPOSE33, AnalysisOptions())
    return replace(found, scale=Scale(0.005, "athlete_height", HEIGHT_M / 0.005, HEIGHT_SD))


def seen(random, time_s, hips, lift, factor):
    """Feet with the error of the scale, and 2.5 to 10 mm of white noise."""
    noise_m = random.uniform(0.0025, 0.01)

    def track(across, up):
        points = np.stack([np.broadcast_to(across, up.shape), up], axis=1) * factor
        return points + random.normal(0, noise_m, points.shape)

    heels = {side: track(hips[:, 0] - 0.05, 0.05 + lift) for side in SIDES}
    toes = {side: track(hips[:, 0] + 0.15, 0.02 + lift) for side in SIDES}
    return Feet(time_s, track(hips[:, 0], hips[:, 1]), heels, toes, stature_m=HEIGHT_M)


def thrown(since_s, v):
    """Height over the time since take-off with the speed v."""
    return v * since_s - G_M_S2 * since_s**2 / 2


def pushed(along_s, duration_s, v_in, v_out):
    """Height within a contact: stopped and thrown again, each by a constant acceleration."""
    stop_s = duration_s * v_out / (v_in + v_out)  # so that the ways down and up are equal
    lowest = -v_in * stop_s / 2
    down = -v_in * along_s + v_in / stop_s * along_s**2 / 2
    up_s = along_s - stop_s
    return np.where(up_s < 0, down, lowest + v_out / (duration_s - stop_s) * up_s**2 / 2)


def hopping(random, analysis):
    """A countermovement jump and two that rebound from it; numbers and what is true."""
    fps = (60, 120, 240)[random.integers(3)]
    speeds = np.sort(random.uniform(1.8, 2.8, 3))[::-1]  # the first is the highest
    depth_m, contact_s = random.uniform(0.2, 0.4), random.uniform(0.2, 0.35)
    push_s = 2 * depth_m / speeds[0]
    start_s = 1.2 + push_s + random.uniform(0, 1 / fps)
    flights_s = 2 * speeds / G_M_S2
    take_offs = start_s + np.concatenate([[0], np.cumsum(flights_s[:-1] + contact_s)])
    time_s = np.arange(0, take_offs[-1] + flights_s[-1] + 0.7, 1 / fps)
    before = np.clip(time_s - start_s + push_s, 0, push_s)
    sinking = np.clip((time_s - start_s + push_s + 0.5) / 0.5, 0, 1)
    hips = -depth_m * (1 - np.cos(np.pi * sinking)) / 2 + depth_m * (before / push_s) ** 2
    lift = np.zeros_like(time_s)
    for k, (begin, v) in enumerate(zip(take_offs, speeds, strict=True)):
        air = (time_s >= begin) & (time_s < begin + flights_s[k])
        hips[air] = lift[air] = thrown(time_s[air] - begin, v)
        end_s = begin + flights_s[k]
        out = speeds[k + 1] if k < 2 else v
        ground = (time_s >= end_s) & (time_s < end_s + contact_s)
        hips[ground] = pushed(time_s[ground] - end_s, contact_s, v, out)
    last = time_s >= take_offs[-1] + flights_s[-1] + contact_s / 2
    hips[last] = -speeds[-1] * contact_s / 4  # stays down
    way = np.stack([np.zeros_like(time_s), 0.95 + hips], axis=1)
    feet = seen(random, time_s, way, lift, random.normal(1, HEIGHT_SD))
    jumps = find_jumps(feet)
    movement = Movement(analysis, feet, "still", feet, jumps, jump_repeats=jump_repeats(feet))
    highest_m = speeds[0] ** 2 / (2 * G_M_S2)
    truth = {
        "jump_height_m": highest_m,
        "jump_flight_time_s": flights_s[0],
        "jump_rise_m": highest_m,
        "countermovement_depth_m": depth_m,
        "rebound_contact_time_s": contact_s,
        "reactive_strength_index_m_s": np.mean(speeds[1:] ** 2) / (2 * G_M_S2) / contact_s,
    }
    return [*jump(movement), *rebounds(movement)], truth


def sprinting(random, analysis):
    """Hips along the curve of a sprint from rest; numbers and what is true."""
    fps = (60, 120)[random.integers(2)]
    top, tau = random.uniform(7.5, 10), random.uniform(0.9, 1.4)
    start_s = random.uniform(0.1, 0.5)
    time_s = np.arange(0, 5, 1 / fps)
    since = np.maximum(time_s - start_s, 0)
    way = top * (since + tau * np.expm1(-since / tau))
    bounce = 0.03 * np.sin(2 * np.pi * 4 * since)
    hips = np.stack([way, 0.95 + bounce], axis=1)
    feet = seen(random, time_s, hips, np.zeros_like(way), random.normal(1, HEIGHT_SD))
    gait = Gait("run", top, treadmill=False, contacts=())
    profile = force_velocity(top, top / tau, MASS_KG, HEIGHT_M)
    truth = {
        "sprint_max_speed_m_s": top,
        "sprint_max_acceleration_m_s2": top / tau,
        "sprint_tau_s": tau,
        "sprint_f0_n_kg": profile.f0_n / MASS_KG,
        "sprint_v0_m_s": profile.v0_m_s,
        "sprint_max_power_w_kg": profile.max_power_w / MASS_KG,
        "sprint_slope_n_s_m_kg": profile.slope_n_s_m_kg(MASS_KG),
        **{f"sprint_{m}m_s": time_at_m(np.array([m]), top, tau)[0] for m in (5, 10, 20, 30)},
    }
    return list(sprint(Movement(analysis, feet, gait, feet, ()))), truth


def errors_over_sd(move, analysis, repetitions):
    """Measure -> (value - truth) / sd over the repetitions."""
    found = {}
    for seed in range(repetitions):
        numbers, truth = move(np.random.default_rng(9000 + seed), analysis)
        for number in numbers:
            if number.name in truth and number.value is not None:
                assert number.sd is not None, number.name
                error = (number.value - truth[number.name]) / number.sd
                found.setdefault(number.name, []).append(error)
    assert set(found) == set(truth)
    return {name: np.array(errors) for name, errors in found.items()}


@pytest.mark.parametrize("move", [hopping, sprinting])
def test_bands_hold_the_truth(move, analysis):
    """A small part of the 500 below; bands that are half as wide as they should be fail."""
    found = errors_over_sd(move, analysis, 20)
    for name, errors in found.items():
        assert len(errors) >= 16, name
        assert coverage(errors) >= 0.75, name
        assert np.max(np.abs(errors)) > 0.25, name
    assert 0.9 <= np.mean([coverage(errors) for errors in found.values()]) <= 0.999


@pytest.mark.slow
@pytest.mark.parametrize("move", [hopping, sprinting])
def test_bands_hold_the_truth_of_500_repetitions(move, analysis):
    found = errors_over_sd(move, analysis, 500)
    for name, errors in sorted(found.items()):
        print(f"| `{name}` | {len(errors)} | {coverage(errors):.3f} | {np.mean(errors):.2f} |")
    assert all(coverage(errors) >= 0.9 for errors in found.values())
