"""The rendered runner seen from the side without perspective, and the numbers true of them."""

import numpy as np

from podium.lab.athlete.gait import run
from tests.support.seen_athlete import SIDES, halpe26_px, seen, sided_lengths, true_joints


def seen_runner(gait, **how):
    """A trajectory as of ``seen``."""
    return seen(lambda time_s: points_px(gait, time_s), 1 / gait.stride_hz, **how)


def points_px(gait, time_s):
    """(T, 26, 2) of HALPE26, without noise."""
    return halpe26_px(run(gait, time_s).joints_m)


def true_numbers(gait, on_s=0.0, off_s=0.0, apart_m=0.0):
    """Measure -> its true value, from the formulas of the gait and from dense true joints.

    Args:
        gait: The run.
        on_s: How much later feet touch the ground than their toes stand still.
        off_s: How much later they leave it than their toes move off.
        apart_m: How much farther ahead the right toe is than its key point, and the left behind.
    """
    stride_s, contact_s = 1 / gait.stride_hz, gait.duty / gait.stride_hz + off_s - on_s
    step_s, flight_s = stride_s / 2, stride_s / 2 - contact_s
    force_bw = np.pi / 2 * (flight_s / contact_s + 1)
    sink_m = 9.81 * contact_s**2 * (force_bw / np.pi**2 - 1 / 8)
    contacts_s = {side: (k - gait.duty) * stride_s / 2 + on_s for k, side in enumerate(SIDES)}
    numbers = {
        "running_speed_m_s": gait.speed_m_s,
        "gait_speed_m_s": gait.speed_m_s,
        "cadence_steps_min": 60 / step_s,
        "step_time_s": step_s,
        "stride_time_s": stride_s,
        "step_length_m": gait.speed_m_s * step_s,
        "stride_length_m": gait.speed_m_s * stride_s,
        "contact_time_s": contact_s,
        "swing_time_s": stride_s - contact_s,
        "flight_time_s": flight_s,
        "duty_factor": contact_s / stride_s,
        "peak_force_estimate_bw": force_bw,
        "vertical_stiffness_estimate_n_m_kg": force_bw * 9.81 / sink_m,
    }
    numbers |= true_joints(lambda time_s: points_px(gait, time_s), stride_s, contacts_s)
    for name in ("step_time", "contact_time"):
        numbers |= {f"{side}_{name}_s": numbers[f"{name}_s"] for side in SIDES}
        numbers[f"{name}_symmetry_percent"] = 0.0
    return numbers | sided_lengths(numbers["step_length_m"], apart_m)
