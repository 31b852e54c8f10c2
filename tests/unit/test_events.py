"""Contacts of the feet, jumps and sprints, against force plates, formulas and published figures."""

from dataclasses import replace

import numpy as np
import pytest
import scipy

from podium.biomechanics.body.centre_of_mass import centre_of_mass, segments_of
from podium.biomechanics.events.feet import Feet
from podium.biomechanics.events.gait import find_gait, walking
from podium.biomechanics.events.jump import find_jumps, height_of_flight_m
from podium.biomechanics.events.sprint import (
    fit_positions,
    fit_splits,
    force_velocity,
    time_at_m,
)
from podium.biomechanics.events.steps import steps_of, strides_of
from podium.biomechanics.signals.peaks import low_pass, peak_times_s
from podium.lab.athlete.gait import run
from podium.lab.athlete.posture import Gait
from podium.skeletons import BLAZEPOSE33, COCO17, HALPE26, MUCO21
from tests.support.motion_files import read_mot, read_trc

ZENI_CONTACT_BIAS_S = -0.02
"""What docs say: contacts of walking come about 20 ms early."""


def on_ground(force_n, time_s):
    """First and last times of contacts by a force plate."""
    down = (force_n > 20).astype(int)
    return time_s[1:][np.diff(down) > 0], time_s[1:][np.diff(down) < 0]


def plane(markers):
    """Forward and up of markers in the axes of OpenSim."""
    return markers[:, :2]


@pytest.fixture
def walk(shared_data):
    time_s, m = read_trc(shared_data / "biomechanics" / "opensim_walk.trc")
    return Feet(
        time_s,
        plane(m["V.Sacral"]),
        {"left": plane(m["L.Heel"]), "right": plane(m["R.Heel"])},
        {"left": plane(m["L.Toe.Tip"]), "right": plane(m["R.Toe.Tip"])},
    )


@pytest.fixture
def runner(shared_data):
    time_s, m = read_trc(shared_data / "biomechanics" / "run.trc")
    return Feet(
        time_s,
        plane((m["Mid_PSIS"] + m["Mid_ASIS"]) / 2),
        {"left": plane(m["LCAL"]), "right": plane(m["RCAL"])},
        {"left": plane(m["LTOE"]), "right": plane(m["RTOE"])},
    )


def test_walking_contacts_are_those_of_the_force_plates(walk):
    """Plate events of the trial as published with it; 60 Hz."""
    gait = find_gait(walk)
    assert gait.kind == "walk"
    found = {side: [c for c in gait.contacts if c.side == side] for side in ("left", "right")}
    on = {"right": [0.618, 1.853], "left": [1.247]}
    for side, plates in on.items():
        times = np.array([contact.on_s for contact in found[side]])
        np.testing.assert_allclose(times - ZENI_CONTACT_BIAS_S, plates, atol=0.02)
    off = {"right": [1.410], "left": [2.018]}
    for side, plates in off.items():
        times = np.array([c.off_s for c in found[side] if np.isfinite(c.off_s)])
        np.testing.assert_allclose(times, plates, atol=0.02)


def test_running_contact_times_are_those_of_the_force_plates(runner, shared_data):
    plates = read_mot(shared_data / "biomechanics" / "run_grf.mot")
    gait = find_gait(runner)
    assert gait.kind == "run"
    assert not gait.treadmill
    assert gait.speed_m_s == pytest.approx(2.73, rel=0.05)
    assert [contact.side for contact in gait.contacts] == ["right", "left"]
    for contact in gait.contacts:
        force = plates[f"{contact.side[0].upper()}_ground_force_vy"]
        (on,), (off,) = on_ground(force, plates["time"])
        assert contact.off_s - contact.on_s == pytest.approx(off - on, abs=0.015)
        assert contact.on_s == pytest.approx(on, abs=0.02)
        assert contact.off_s == pytest.approx(off, abs=0.025)


def rendered(fps, speed_m_s, stride_hz, noise_m=0.0, seconds=3.0):
    """Feet of the rendered athlete, with noise on every point."""
    gait = Gait(speed_m_s=speed_m_s, stride_hz=stride_hz)
    time_s = np.arange(0, seconds, 1 / fps)
    motion = run(gait, time_s)
    random = np.random.default_rng(1)

    def point(name):
        return motion.joint(name)[:, [0, 2]] + random.normal(0, noise_m, (len(time_s), 2))

    sides = ("left", "right")
    feet = Feet(
        time_s,
        (point("left_hip") + point("right_hip")) / 2,
        {side: point(f"{side}_heel") for side in sides},
        {side: point(f"{side}_foot_index") for side in sides},
        stature_m=gait.height_m,
    )
    return gait, feet


@pytest.mark.parametrize("fps", [60, 120])
@pytest.mark.parametrize(("speed_m_s", "stride_hz"), [(5.0, 2.0), (8.0, 2.1), (9.5, 2.3)])
def test_contacts_of_a_rendered_runner(fps, speed_m_s, stride_hz):
    truth, feet = rendered(fps, speed_m_s, stride_hz, noise_m=0.005)
    gait = find_gait(feet)
    assert gait.kind == "run"
    assert len(gait.contacts) >= 2 * 3.0 * stride_hz - 3
    assert all(a.side != b.side for a, b in zip(gait.contacts, gait.contacts[1:], strict=False))
    contact_s = truth.duty / stride_hz
    for contact in gait.contacts:
        shift = 0.0 if contact.side == "left" else 0.5
        cycle = np.round(contact.on_s * stride_hz + shift)
        on = (cycle - shift - truth.duty / 2) / stride_hz
        assert contact.on_s == pytest.approx(on, abs=1.5 / fps)
        assert contact.off_s == pytest.approx(on + contact_s, abs=1.5 / fps)


def test_a_toe_that_seems_to_rise_in_mid_stance_makes_no_second_contact():
    truth, feet = rendered(60, 8.0, 2.1, noise_m=0.003)
    whole = find_gait(feet)
    for contact in whole.contacts:
        middle_s = (contact.on_s + contact.off_s) / 2
        feet.toes[contact.side][np.abs(feet.time_s - middle_s) < 0.017, 1] += 0.12
    lifted = find_gait(feet)
    assert [contact.side for contact in lifted.contacts] == [c.side for c in whole.contacts]
    for contact, before in zip(lifted.contacts, whole.contacts, strict=True):
        assert contact.off_s == pytest.approx(before.off_s, abs=1.5 / 60)
        assert contact.off_s - contact.on_s > 0.5 * truth.duty / truth.stride_hz


def test_a_toe_that_never_comes_down_again_still_ends_its_stance_where_it_leaves():
    """Errors of a pose model last several frames: the far toe stays up for the rest of a stance."""
    truth, feet = rendered(60, 5.0, 2.0, noise_m=0.003)
    whole = find_gait(feet)
    contact_s = truth.duty / truth.stride_hz
    for contact in whole.contacts:
        since = feet.time_s - contact.on_s
        late = (since > 0.06) & (since < contact.off_s - contact.on_s)
        feet.toes[contact.side][late, 1] += 0.05
    lifted = find_gait(feet)
    assert [contact.side for contact in lifted.contacts] == [c.side for c in whole.contacts]
    for contact, before in zip(lifted.contacts, whole.contacts, strict=True):
        assert contact.on_s == pytest.approx(before.on_s, abs=1 / 60)
        assert contact.off_s - contact.on_s == pytest.approx(contact_s, abs=2 / 60)


def test_a_toe_that_seems_to_sink_through_the_stance_has_landed_at_its_begin():
    """As shoes do that roll from the heel: 35 mm, evenly."""
    truth, feet = rendered(60, 8.5, 2.1, noise_m=0.002)
    toes = {}
    for side, shift in (("left", 0.0), ("right", 0.5)):
        phase = (feet.time_s * 2.1 + truth.duty / 2 + shift) % 1
        above = np.interp(phase, [0, truth.duty, 1], [0.035, 0, 0.035])
        toes[side] = feet.toes[side] + np.stack([np.zeros_like(above), above], axis=1)
    contacts = find_gait(replace(feet, toes=toes)).contacts
    assert len(contacts) >= 9
    for contact in contacts:
        shift = 0.0 if contact.side == "left" else 0.5
        cycle = np.round(contact.on_s * 2.1 + shift)
        on = (cycle - shift - truth.duty / 2) / 2.1
        assert contact.on_s == pytest.approx(on, abs=1.5 / 60)


def heel_first(feet, truth, land_deg):
    """The feet with heels that land as the toes did, and toes that follow after 0.05 s."""
    foot_m = 0.144 * truth.height_m
    heels, toes = {}, {}
    for side, shift in (("left", 0.0), ("right", 0.5)):
        phase = (feet.time_s * truth.stride_hz + truth.duty / 2 + shift) % 1
        rolls = np.clip(1 - phase / truth.stride_hz / 0.05, 0, 1) ** 2
        swings = np.clip((phase - truth.duty) / (1 - truth.duty) * 2 - 1, 0, 1)
        up = foot_m * np.sin(np.radians(land_deg)) * np.maximum(rolls, swings**2 * (3 - 2 * swings))
        heels[side] = feet.toes[side] - [foot_m, 0]
        toes[side] = feet.toes[side] + np.stack([np.zeros_like(up), up], axis=1)
    return replace(feet, heels=heels, toes=toes)


@pytest.mark.parametrize("fps", [60, 120])
@pytest.mark.parametrize("land_deg", [0, 15, 25])
def test_who_lands_on_the_heel_touches_the_ground_with_it(fps, land_deg):
    truth, feet = rendered(fps, 5.0, 2.0, noise_m=0.003)
    gait = find_gait(heel_first(feet, truth, land_deg))
    assert land_deg == 15 or gait.heel_first == (land_deg > 15)
    assert len(gait.contacts) >= 9
    for contact in gait.contacts:
        shift = 0.0 if contact.side == "left" else 0.5
        cycle = np.round(contact.on_s * 2.0 + shift)
        on = (cycle - shift - truth.duty / 2) / 2.0
        assert contact.on_s == pytest.approx(on, abs=1.5 / fps)


def test_no_contact_is_shorter_than_that_of_any_runner():
    """The clip begins within a stance: its first frames make no contact of a hundredth second."""
    _, feet = rendered(60, 7.0, 2.3, noise_m=0.003)
    first = find_gait(feet).contacts[0]
    rows = feet.time_s > first.off_s - 0.05
    feet.toes[first.side][np.flatnonzero(rows)[0], 1] += 0.2  # a frame of another pose
    cut = feet.with_columns(feet.columns())
    cut = replace(
        cut,
        time_s=feet.time_s[rows],
        hips=feet.hips[rows],
        heels={side: track[rows] for side, track in feet.heels.items()},
        toes={side: track[rows] for side, track in feet.toes.items()},
        mass_centre=None,
    )
    known = [c.off_s - c.on_s for c in find_gait(cut).contacts if np.isfinite(c.off_s)]
    assert len(known) >= 2
    assert min(known) > 0.06


def test_steps_and_strides_of_a_rendered_runner():
    _, feet = rendered(120, 5.0, 2.0, noise_m=0.003)
    gait = find_gait(feet)
    steps, strides = steps_of(gait, feet), strides_of(gait, feet)
    assert len(steps) == len(gait.contacts) - 1
    for step in steps:
        assert step.time_s == pytest.approx(0.25, abs=0.01)
        assert step.length_m == pytest.approx(1.25, abs=0.03)
    for stride in strides:
        assert stride.time_s == pytest.approx(0.5, abs=0.01)
        assert stride.length_m == pytest.approx(2.5, abs=0.03)
        assert stride.contact_s + stride.swing_s == pytest.approx(stride.time_s, abs=1e-9)


def test_on_a_treadmill_lengths_are_speed_by_time():
    _, feet = rendered(120, 5.0, 2.0)
    belt = np.stack([5.0 * feet.time_s, np.zeros_like(feet.time_s)], axis=1)
    on_belt = Feet(
        feet.time_s,
        feet.hips - belt,
        {side: track - belt for side, track in feet.heels.items()},
        {side: track - belt for side, track in feet.toes.items()},
        stature_m=feet.stature_m,
    )
    gait = find_gait(on_belt)
    assert gait.treadmill
    assert np.mean([s.length_m for s in steps_of(gait, on_belt)]) == pytest.approx(1.25, rel=0.05)


def test_a_sprint_at_24_frames_a_second_is_refused():
    _, feet = rendered(24, 9.0, 2.2)
    assert "24 frames/s are too few" in find_gait(feet)


def test_somebody_who_stands_has_no_gait():
    _, feet = rendered(60, 5.0, 2.0, seconds=1.0)
    still = Feet(
        feet.time_s,
        np.tile(feet.hips[0], (60, 1)),
        {side: np.tile(track[0], (60, 1)) for side, track in feet.heels.items()},
        {side: np.tile(track[0], (60, 1)) for side, track in feet.toes.items()},
    )
    assert find_gait(still) == "the athlete neither walks nor runs"


def test_a_foot_that_stays_under_the_hips_makes_no_contacts():
    _, feet = rendered(60, 5.0, 2.0, seconds=2.0)
    along = feet.hips - [0.0, 0.9]
    dragged = replace(feet, heels={**feet.heels, "left": along}, toes={**feet.toes, "left": along})
    assert walking(dragged, "left") == []
    assert not isinstance(find_gait(dragged), str)


def jumper(fps, take_off_m_s=2.0, noise_m=0.0):
    """Feet of somebody who stands, dips by 0.3 m, jumps, and lands stiffly."""
    time_s = np.arange(0, 2.5, 1 / fps)
    flight_s = 2 * take_off_m_s / 9.81
    start_s = 1.013
    air = (time_s >= start_s) & (time_s <= start_s + flight_s)
    since = np.where(air, time_s - start_s, 0.0)
    rise = np.where(air, take_off_m_s * since - 9.81 * since**2 / 2, 0.0)
    dip = -0.3 * np.exp(-(((time_s - 0.7) / 0.12) ** 2))
    random = np.random.default_rng(2)

    def point(x, up):
        return np.stack([np.full(len(time_s), x), up], axis=1) + random.normal(
            0, noise_m, (len(time_s), 2)
        )

    return Feet(
        time_s,
        point(0.0, 0.95 + rise + dip),
        {side: point(-0.05, 0.05 + rise) for side in ("left", "right")},
        {side: point(0.15, 0.02 + rise) for side in ("left", "right")},
    )


@pytest.mark.parametrize("take_off_m_s", [1.6, 2.2, 2.8])
def test_jump_height_at_120_frames_a_second(take_off_m_s):
    (jump,) = find_jumps(jumper(120, take_off_m_s, noise_m=0.004))
    assert jump.height_m == pytest.approx(take_off_m_s**2 / (2 * 9.81), abs=0.01)
    assert jump.take_off_s == pytest.approx(1.013, abs=1 / 120)


def test_runners_do_not_jump_on_the_spot():
    _, feet = rendered(120, 9.0, 2.2)
    assert find_jumps(feet) == ()


def test_jump_height_of_the_measured_force(shared_data):
    """Take-off and landing as published with the trial, and seen in the force itself."""
    take_off_s, landing_s = 0.907, 1.323
    force = np.loadtxt(shared_data / "biomechanics" / "jump_grf.txt")
    time_s = np.arange(len(force)) / 600
    assert np.abs(force[(time_s > take_off_s) & (time_s < landing_s)]).max() < 20
    assert force[time_s < take_off_s][-8:].mean() > 50
    assert force[time_s > landing_s + 0.006][:8].mean() > 100
    assert height_of_flight_m(landing_s - take_off_s) == pytest.approx(0.213, abs=0.001)


def test_sprint_profile_is_that_of_shorts():
    """Printed example of the R package: splits of Kimberley, 60 kg, 1.70 m."""
    fit = fit_splits(
        np.array([5.0, 10, 15, 20, 30, 40]),
        np.array([1.158, 1.893, 2.541, 3.149, 4.313, 5.444]),
    )
    profile = force_velocity(fit.max_speed_m_s, fit.max_acceleration_m_s2, 60, 1.70)
    assert fit.max_speed_m_s == pytest.approx(8.591, abs=5e-4)
    assert fit.max_acceleration_m_s2 == pytest.approx(10.589, abs=5e-4)
    assert profile.f0_n == pytest.approx(635.3, abs=0.05)
    assert profile.v0_m_s == pytest.approx(8.845, abs=5e-4)
    assert profile.max_power_w == pytest.approx(1405, abs=0.5)
    assert profile.slope_n_s_m_kg(60) == pytest.approx(-1.197, abs=5e-4)


def test_sprint_from_positions_finds_the_curve_that_made_them():
    time_s = np.arange(0, 6, 1 / 60)
    since = np.maximum(time_s - 0.4, 0)
    way = 3.0 + 9.0 * (since + 1.2 * np.expm1(-since / 1.2))
    noisy = way + np.random.default_rng(3).normal(0, 0.01, len(way))
    fit = fit_positions(time_s, noisy)
    assert fit.max_speed_m_s == pytest.approx(9.0, rel=0.01)
    assert fit.tau_s == pytest.approx(1.2, rel=0.02)
    assert fit.start_s == pytest.approx(0.4, abs=0.02)
    since_20 = time_at_m(np.array([20.0]), 9.0, 1.2)[0]
    assert fit.time_to_s(20.0) == pytest.approx(since_20, abs=0.02)
    assert 9.0 * (since_20 + 1.2 * np.expm1(-since_20 / 1.2)) == pytest.approx(20.0)


def test_sprint_from_the_way_of_a_radar(shared_data):
    """The curve from positions has the speeds that the radar measured."""
    data = np.loadtxt(
        shared_data / "biomechanics" / "sprint_radar.csv",
        delimiter=",",
        skiprows=1,
        encoding="utf-8-sig",
    )
    time_s, speed = data.T
    way = np.concatenate([[0], np.cumsum((speed[1:] + speed[:-1]) / 2 * np.diff(time_s))])
    fit = fit_positions(time_s, way)
    (by_speed, _, _), _ = scipy.optimize.curve_fit(
        lambda t, mss, tau, start: mss * -np.expm1(-np.maximum(t - start, 0) / tau),
        time_s,
        speed,
        p0=(9, 1, 0),
    )
    assert fit.max_speed_m_s == pytest.approx(by_speed, rel=0.02)
    assert np.sqrt(np.mean((fit.speed_m_s(time_s) - speed) ** 2)) < 0.25


@pytest.mark.parametrize("skeleton", [BLAZEPOSE33, HALPE26, COCO17, MUCO21])
def test_segments_are_the_whole_body(skeleton):
    total = sum(segment.mass for segment in segments_of(skeleton))
    assert total == pytest.approx(1.0, abs=0.005)


def test_centre_of_mass_of_a_known_pose():
    """Arms along the body, all joints on one line: the sum by hand, de Leva's male trunk aside."""
    heights = {
        "ear": 1.66, "shoulder": 1.45, "elbow": 1.15, "wrist": 0.9, "index": 0.82, "hip": 0.93,
        "knee": 0.5, "ankle": 0.08, "heel": 0.0, "foot_index": 0.0,
    }  # fmt: skip
    points = np.zeros((1, len(BLAZEPOSE33), 2))
    for joint, at in BLAZEPOSE33.index.items():
        points[0, at, 1] = heights.get(joint.split("_", 1)[-1], 1.6)
    x, height = centre_of_mass(points, BLAZEPOSE33)[0]
    assert x == 0
    assert height / 1.75 == pytest.approx(0.56, abs=0.015)  # standing adults: 55 to 57 %
    points[0, BLAZEPOSE33.index["left_index"]] = (
        np.nan
    )  # a hand behind the trunk: 0.6 % of the mass
    np.testing.assert_allclose(centre_of_mass(points, BLAZEPOSE33)[0], [0, height], atol=1e-3)
    points[0, BLAZEPOSE33.index["left_elbow"]] = np.nan
    assert np.isnan(centre_of_mass(points, BLAZEPOSE33)).all()


def test_centre_of_mass_explains_the_force_under_a_runner(shared_data):
    """m (a + g) of the centre of mass against the plates; 68.9 kg."""
    folder = shared_data / "biomechanics"
    time_s, m = read_trc(folder / "run.trc")
    points = np.full((len(time_s), len(HALPE26), 3), np.nan)
    for side, letter in (("left", "L"), ("right", "R")):
        ends = {
            "shoulder": ("ACR",), "elbow": ("EJC",), "wrist": ("FAradius", "FAulna"),
            "hip": ("ASI", "PSI"), "knee": ("LFCv", "MFCv"), "ankle": ("LMALv", "MMALv"),
            "heel": ("CAL",), "big_toe": ("TOE",),
        }  # fmt: skip
        for joint, markers in ends.items():
            at = HALPE26.index[f"{side}_{joint}"]
            points[:, at] = np.mean([m[letter + marker] for marker in markers], axis=0)
    for middle, pair in (("neck", "shoulder"), ("mid_hip", "hip")):
        both = [points[:, HALPE26.index[f"{side}_{pair}"]] for side in ("left", "right")]
        points[:, HALPE26.index[middle]] = np.mean(both, axis=0)
    points[:, HALPE26.index["head"]] = (m["C7"] + m["CLAV"]) / 2 + [0, 0.2, 0]
    up = low_pass(centre_of_mass(points, HALPE26)[:, 1], 150, 6.0)
    estimate = np.gradient(np.gradient(up, time_s), time_s) / 9.81 + 1
    plates = read_mot(folder / "run_grf.mot")
    force = plates["R_ground_force_vy"] + plates["L_ground_force_vy"]
    measured = np.interp(time_s, plates["time"], force) / (68.9 * 9.81)
    seen = (time_s > 0.06) & (time_s < 0.75)
    assert np.corrcoef(estimate[seen], measured[seen])[0, 1] > 0.94
    assert estimate[seen].max() == pytest.approx(measured[seen].max(), rel=0.1)
    assert np.sqrt(np.mean((estimate - measured)[seen] ** 2)) < 0.34  # of a marker on the pelvis


def test_peaks_are_sought_in_a_window_and_long_plateaus_are_none():
    """Work grows with the clip: no peak is compared with all before it."""
    time_s = np.arange(6000) / 50
    swinging = np.sin(2 * np.pi * time_s)
    expected = np.arange(0.25, 120)
    for rising in (0.0, 0.1):  # also where each peak is higher than all before
        found = peak_times_s(swinging + rising * time_s, time_s, prominence=0.5, within_s=10)
        np.testing.assert_allclose(found, expected, atol=0.01)
    assert peak_times_s(np.repeat([0.0, 1.0, 0.0], 2000), time_s, prominence=0.5, within_s=10) == []
