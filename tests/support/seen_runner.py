"""The rendered runner seen from the side without perspective, and the numbers true of them."""

from itertools import product

import numpy as np
import scipy

from podium.biomechanics.body.angles import ANGLES, angle_in_plane
from podium.biomechanics.body.centre_of_mass import centre_of_mass
from podium.biomechanics.persons.trajectories import Trajectory
from podium.lab.athlete.gait import JOINTS, run
from podium.skeletons import HALPE26

PX_PER_M = 200.0
SIDES = ("left", "right")
FEET = [n for n, name in enumerate(HALPE26.joints) if name.endswith(("_toe", "_heel"))]
LASTS_S = 0.03
_PARTS = {"big_toe": "foot_index", "small_toe": "foot_index"}
_MIDDLES = {"mid_hip": "hip", "hip": "hip", "neck": "shoulder", "head": "ear"}
_ANGLE = {angle.name: angle for angle in ANGLES}


def points_px(gait, time_s):
    """(T, 26, 2) of HALPE26, without noise."""
    joints_m = run(gait, time_s).joints_m
    pixels = np.stack([100 + PX_PER_M * joints_m[..., 0], 600 - PX_PER_M * joints_m[..., 2]], -1)

    def at(joint):
        if joint in _MIDDLES:
            return np.mean([at(f"{side}_{_MIDDLES[joint]}") for side in SIDES], axis=0)
        side, _, part = joint.partition("_")
        name = f"{side}_{_PARTS.get(part, part)}" if side in SIDES else joint
        return pixels[:, JOINTS.index(name)]

    return np.stack([at(joint) for joint in HALPE26.joints], axis=1)


def seen_runner(gait, *, fps, noise_px, seconds, seed, lasting_px=0.0):
    """A trajectory that begins anywhere in the stride, with white noise.

    Errors of toes and heels last, as those of a pose model do: as white noise after a Gaussian
    filter of 30 ms.
    """
    random = np.random.default_rng(seed)
    time_s = np.arange(0, seconds, 1 / fps)
    pixels = points_px(gait, random.uniform(0, 1 / gait.stride_hz) + time_s)
    pixels += random.normal(0, noise_px, pixels.shape)
    width = LASTS_S * fps
    white = random.normal(0, 1, (len(time_s) + 100, len(FEET), 2))
    smooth = scipy.ndimage.gaussian_filter1d(white, width, axis=0)[50:-50]
    pixels[:, FEET] += lasting_px * np.sqrt(2 * np.sqrt(np.pi) * width) * smooth
    return Trajectory(
        person=0,
        frame_index=np.arange(len(time_s)),
        time_s=time_s,
        boxes=np.concatenate([pixels.min(axis=1), pixels.max(axis=1)], axis=1),
        scores=np.ones(len(time_s)),
        keypoints=np.concatenate([pixels, np.full((*pixels.shape[:2], 1), 0.9)], axis=-1),
        keypoints_3d=np.full((*pixels.shape[:2], 3), np.nan),
    )


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
    time_s = np.arange(0, stride_s, 1 / 2000)
    true = points_px(gait, time_s)
    speed = np.linalg.norm(np.gradient(HALPE26.take(true, "mid_hip"), time_s, axis=0), axis=1)
    numbers = {
        "running_speed_m_s": gait.speed_m_s,
        "gait_speed_m_s": gait.speed_m_s,
        "hip_speed_mean_m_s": speed[2:-2].mean() / PX_PER_M,
        "hip_speed_peak_m_s": speed[2:-2].max() / PX_PER_M,
        "cadence_steps_min": 60 / step_s,
        "step_time_s": step_s,
        "stride_time_s": stride_s,
        "step_length_m": gait.speed_m_s * step_s,
        "stride_length_m": gait.speed_m_s * stride_s,
        "contact_time_s": contact_s,
        "swing_time_s": stride_s - contact_s,
        "flight_time_s": flight_s,
        "duty_factor": contact_s / stride_s,
        "vertical_oscillation_m": np.ptp(centre_of_mass(true, HALPE26)[:, 1]) / PX_PER_M,
        "peak_force_estimate_bw": force_bw,
        "vertical_stiffness_estimate_n_m_kg": force_bw * 9.81 / sink_m,
    }
    for name in ("step_time", "step_length", "contact_time"):
        unit = "m" if "length" in name else "s"
        numbers |= {f"{side}_{name}_{unit}": numbers[f"{name}_{unit}"] for side in SIDES}
        numbers[f"{name}_symmetry_percent"] = 0.0
    numbers["left_step_length_m"] -= 2 * apart_m
    numbers["right_step_length_m"] += 2 * apart_m
    numbers["step_length_symmetry_percent"] = 400 * apart_m / numbers["step_length_m"]
    at_contact = {
        side: points_px(gait, np.array([(k - gait.duty) * stride_s / 2 + on_s]))
        for k, side in enumerate(SIDES)
    }
    for side, joint in product(SIDES, ("hip_flexion", "knee_flexion", "ankle_dorsiflexion")):
        over_stride = degrees(f"{side}_{joint}", true)
        numbers[f"{side}_{joint}_range_deg"] = np.ptp(over_stride)
        numbers[f"{side}_{joint}_peak_deg"] = over_stride.max()
    for side in SIDES:
        for part in ("hip_flexion", "knee_flexion", "ankle_dorsiflexion", "shank"):
            name = f"{side}_{part}"
            numbers[f"{name}_at_contact_deg"] = degrees(name, at_contact[side])[0]
    ahead = [
        HALPE26.take(points, f"{side}_big_toe")[0, 0] - centre_of_mass(points, HALPE26)[0, 0]
        for side, points in at_contact.items()
    ]
    numbers["foot_ahead_at_contact_m"] = np.mean(ahead) / PX_PER_M
    trunk = [degrees("trunk", points)[0] for points in at_contact.values()]
    numbers["trunk_at_contact_deg"] = np.mean(trunk)
    return numbers


def degrees(name, points):
    """A true angle (T,) of points (T, 26, 2)."""
    return angle_in_plane(_ANGLE[name], points, np.ones(len(points)), HALPE26)
