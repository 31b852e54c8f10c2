"""A walker seen from the side without perspective, and the numbers true of them."""

from functools import lru_cache
from itertools import pairwise

import numpy as np

from podium.biomechanics.events.feet import Feet
from podium.biomechanics.events.gait import walking
from podium.lab.athlete.gait import JOINTS
from tests.support.seen_athlete import SIDES, halpe26_px, seen, sided_lengths, true_joints

DENSE_HZ = 500


def seen_walker(walk, **how):
    """A trajectory as of ``seen``."""
    return seen(lambda time_s: points_px(walk, time_s), 1 / walk.stride_hz, **how)


def points_px(walk, time_s):
    """(T, 26, 2) of HALPE26, without noise."""
    return halpe26_px(walk.joints_m(time_s))


@lru_cache
def events_s(walk):
    """Where the method finds contact and toe-off of the left foot in a perfect recording."""
    time_s = np.arange(0, 4 / walk.stride_hz, 1 / DENSE_HZ)
    joints_m = walk.joints_m(time_s)[:, :, [0, 2]]

    def at(part):
        return {side: joints_m[:, JOINTS.index(f"{side}_{part}")] for side in SIDES}

    hips = np.mean(list(at("hip").values()), axis=0)
    feet = Feet(time_s, hips, at("heel"), at("foot_index"), stature_m=walk.height_m)
    second = walking(feet, "left")[1]
    return second.on_s % (1 / walk.stride_hz), second.off_s - second.on_s


def true_contacts(walk, found, random, common_s, own_s):
    """(on_s, off_s, sides) of the contacts that were found: where feet really touch and leave.

    Args:
        walk: The walk.
        found: The contacts found, by time; the phase of the clip is that of the first.
        random: For the errors of single events.
        common_s: How much later contacts and toe-offs are than a perfect recording shows.
        own_s: Standard deviation of further errors of single events, of contacts and toe-offs.
    """
    assert all(a.side != b.side for a, b in pairwise(found))
    _, lasts_s = events_s(walk)
    even_s = np.arange(len(found)) / walk.stride_hz / 2
    on_s = even_s + common_s[0] + random.normal(0, own_s[0], len(found))
    off_s = even_s + lasts_s + common_s[1] + random.normal(0, own_s[1], len(found))
    known = [np.isfinite(contact.off_s) for contact in found]
    return on_s, np.where(known, off_s, np.nan), np.array([contact.side for contact in found])


def true_times(on_s, off_s, sides):
    """Measure -> its true value, of the contacts seen, after Perry & Burnfield (2010)."""
    step_s, stride_s, contact_s = np.diff(on_s), on_s[2:] - on_s[:-2], off_s - on_s
    numbers = {
        "cadence_steps_min": 60 / step_s.mean(),
        "step_time_s": step_s.mean(),
        "stride_time_s": stride_s.mean(),
        "contact_time_s": np.nanmean(contact_s),
        "swing_time_s": np.nanmean(on_s[2:] - off_s[:-2]),
        "double_support_time_s": np.nanmean(off_s[:-1] - on_s[1:]),
        "duty_factor": np.nanmean(contact_s[:-2] / stride_s),
    }
    for name, landed, values in (
        ("step_time", sides[1:], step_s),
        ("contact_time", sides, contact_s),
    ):
        left, right = (np.nanmean(values[landed == side]) for side in SIDES)
        numbers |= {f"left_{name}_s": left, f"right_{name}_s": right}
        numbers[f"{name}_symmetry_percent"] = 200 * (right - left) / (right + left)
    return numbers


def true_numbers(walk, on_s=0.0, apart_m=0.0):
    """Measure -> its true value, of all that is no time.

    Args:
        walk: The walk.
        on_s: How much later feet touch the ground than a perfect recording shows.
        apart_m: How much farther ahead the right toe is than its key point, and the left behind.
    """
    stride_s = 1 / walk.stride_hz
    begin_s, _ = events_s(walk)
    contacts_s = {side: begin_s + on_s + k * stride_s / 2 for k, side in enumerate(SIDES)}
    numbers = {
        "running_speed_m_s": walk.speed_m_s,
        "gait_speed_m_s": walk.speed_m_s,
        "step_length_m": walk.speed_m_s * stride_s / 2,
        "stride_length_m": walk.speed_m_s * stride_s,
    }
    numbers |= true_joints(lambda time_s: points_px(walk, time_s), stride_s, contacts_s)
    return numbers | sided_lengths(numbers["step_length_m"], apart_m)
