"""Repetitions on the spot: squats by the knees, rebounds by the jumps."""

from dataclasses import replace

import numpy as np
import pytest

from podium.biomechanics.analysis import AnalysisOptions, analyse
from podium.biomechanics.events.bends import bends_of
from podium.biomechanics.events.feet import Feet
from podium.biomechanics.events.jump import Jump
from podium.biomechanics.events.movement import Movement
from podium.biomechanics.events.repeats import JumpRepeats
from podium.biomechanics.measures.bends import knee_bends
from podium.biomechanics.measures.rebounds import rebounds
from podium.skeletons import BLAZEPOSE33
from tests.support.filmed_athlete import filmed


@pytest.fixture(scope="module")
def analysis():
    _, trajectory = filmed(seconds=0.1)
    return analyse(trajectory, BLAZEPOSE33, AnalysisOptions())


def bending(analysis, left_deg, right_deg, fps=60):
    """The analysis with other knees; nothing else of it is looked at."""
    time_s = np.arange(len(left_deg)) / fps
    known = {"left_knee_flexion": left_deg, "right_knee_flexion": right_deg}
    sd_deg = np.full(len(left_deg), 7.0)
    series = tuple(
        replace(s, chosen=replace(s.chosen, degrees=known[s.angle.name], sd_deg=sd_deg))
        if s.angle.name in known
        else s
        for s in analysis.angles
    )
    trajectory = replace(analysis.trajectory, time_s=time_s)
    return replace(analysis, trajectory=trajectory, angles=series)


def squats(count, depth_deg=95.0, period_s=2.0, fps=60):
    """A standing second, then cosine squats, then a standing second."""
    time_s = np.arange(0, count * period_s, 1 / fps)
    bend = depth_deg / 2 * (1 - np.cos(2 * np.pi * time_s / period_s))
    return 5 + np.concatenate([np.zeros(fps), bend, np.zeros(fps)])


def test_squats_are_counted_with_depth_and_tempo(analysis):
    knees = squats(5)
    found = bends_of(bending(analysis, knees, knees + 4))
    assert len(found) == 5
    np.testing.assert_allclose([bend.depth_deg for bend in found], 102, atol=0.1)
    np.testing.assert_allclose([bend.lowest_s for bend in found], 2 + 2 * np.arange(5), atol=0.02)
    # a tenth of the depth: acos(0.8) of the half period of one second
    down_s = 1 - np.arccos(0.8) / np.pi
    for bend in found:
        assert bend.lowest_s - bend.start_s == pytest.approx(down_s, abs=0.03)
        assert bend.end_s - bend.lowest_s == pytest.approx(down_s, abs=0.03)
    movement = Movement(bending(analysis, knees, knees + 4), "still", "still", "still", "still")
    numbers = {m.name: m for m in knee_bends(movement)}
    assert numbers["knee_bends"].value == 5
    assert {m.name for m in numbers.values() if m.shown == "first"} == {
        "knee_bends",
        "knee_bend_depth_deg",
    }
    depth = numbers["knee_bend_depth_deg"]
    assert depth.value == pytest.approx(102, abs=0.1)
    assert depth.sd == pytest.approx(7, abs=0.1)  # more repetitions do not make an angle right
    assert 0 < numbers["knee_bend_down_s"].sd < 0.05


def test_steps_and_shallow_bends_are_no_squats(analysis):
    knees = squats(3)
    assert bends_of(bending(analysis, knees, np.full_like(knees, 5))) == ()
    assert bends_of(bending(analysis, squats(3, depth_deg=30), squats(3, depth_deg=30))) == ()
    unknown = np.full_like(knees, np.nan)
    assert bends_of(bending(analysis, knees, unknown)) == "the angles of both knees are not known"


def test_reactive_strength_is_height_over_the_contact_before(analysis):
    jumps = (Jump(0.5, 0.9), Jump(1.1, 1.6), Jump(3.0, 3.5))
    time_s = np.arange(0, 4, 1 / 120)
    still = np.zeros((len(time_s), 2))
    sides = {"left": still, "right": still}
    feet = Feet(time_s, still, sides, sides)
    repeats = JumpRepeats(feet, np.zeros(12), jumps=(jumps,) * 24)

    def numbers_of(jumps):
        movement = Movement(analysis, feet, "no gait", feet, jumps, jump_repeats=repeats)
        return {m.name: m for m in rebounds(movement)}

    numbers = numbers_of(jumps)
    contact, index = numbers["rebound_contact_time_s"], numbers["reactive_strength_index_m_s"]
    assert (contact.value, contact.n) == (pytest.approx(0.2), 1)
    assert index.value == pytest.approx(9.81 * 0.5**2 / 8 / 0.2)
    assert contact.sd == pytest.approx(1 / 120 / np.sqrt(6))
    assert 0 < index.sd < 0.2
    alone = numbers_of(jumps[2:])
    assert "no jump follows another" in alone["reactive_strength_index_m_s"].reason
