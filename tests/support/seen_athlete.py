"""An athlete seen from the side without perspective: key points with noise, and true angles."""

from itertools import product

import numpy as np
import scipy

from podium.biomechanics.body.angles import ANGLES, angle_in_plane
from podium.biomechanics.body.centre_of_mass import centre_of_mass
from podium.biomechanics.persons.trajectories import Trajectory
from podium.lab.athlete.gait import JOINTS
from podium.skeletons import HALPE26

PX_PER_M = 200.0
SIDES = ("left", "right")
FEET = [n for n, name in enumerate(HALPE26.joints) if name.endswith(("_toe", "_heel"))]
LASTS_S = 0.03
_PARTS = {"big_toe": "foot_index", "small_toe": "foot_index"}
_MIDDLES = {"mid_hip": "hip", "hip": "hip", "neck": "shoulder", "head": "ear"}
_ANGLE = {angle.name: angle for angle in ANGLES}


def halpe26_px(joints_m):
    """(T, 26, 2) of HALPE26, of joints (T, 21, 3) of the lab's athlete."""
    pixels = np.stack([100 + PX_PER_M * joints_m[..., 0], 600 - PX_PER_M * joints_m[..., 2]], -1)

    def at(joint):
        if joint in _MIDDLES:
            return np.mean([at(f"{side}_{_MIDDLES[joint]}") for side in SIDES], axis=0)
        side, _, part = joint.partition("_")
        name = f"{side}_{_PARTS.get(part, part)}" if side in SIDES else joint
        return pixels[:, JOINTS.index(name)]

    return np.stack([at(joint) for joint in HALPE26.joints], axis=1)


def seen(points_px, cycle_s, *, fps, noise_px, seconds, seed, lasting_px=0.0):
    """A trajectory that begins anywhere in the cycle, with white noise.

    Errors of toes and heels last, as those of a pose model do: as white noise after a Gaussian
    filter of 30 ms.

    Args:
        points_px: From times to (T, 26, 2).
        cycle_s: Duration of a cycle.
        fps: Frames per second.
        noise_px: Standard deviation of the white noise.
        seconds: Length of the clip.
        seed: Of the noise.
        lasting_px: Standard deviation of what lasts.
    """
    random = np.random.default_rng(seed)
    time_s = np.arange(0, seconds, 1 / fps)
    pixels = points_px(random.uniform(0, cycle_s) + time_s)
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


def true_joints(points_px, stride_s, contacts_s):
    """Measures of joints and of the mass centre -> their true values.

    Args:
        points_px: From times to (T, 26, 2).
        stride_s: Duration of a stride.
        contacts_s: Side -> time of a contact.
    """
    time_s = np.arange(0, stride_s, 1 / 2000)
    true = points_px(time_s)
    speed = np.linalg.norm(np.gradient(HALPE26.take(true, "mid_hip"), time_s, axis=0), axis=1)
    numbers = {
        "hip_speed_mean_m_s": speed[2:-2].mean() / PX_PER_M,
        "hip_speed_peak_m_s": speed[2:-2].max() / PX_PER_M,
        "vertical_oscillation_m": np.ptp(centre_of_mass(true, HALPE26)[:, 1]) / PX_PER_M,
    }
    at_contact = {side: points_px(np.array([contacts_s[side]])) for side in SIDES}
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


def sided_lengths(step_m, apart_m):
    """Step lengths of each side and their symmetry, of an even gait.

    Args:
        step_m: Their mean.
        apart_m: How much farther ahead the right toe is than its key point, and the left behind.
    """
    return {
        "left_step_length_m": step_m - 2 * apart_m,
        "right_step_length_m": step_m + 2 * apart_m,
        "step_length_symmetry_percent": 400 * apart_m / step_m,
    }


def degrees(name, points):
    """A true angle (T,) of points (T, 26, 2)."""
    return angle_in_plane(_ANGLE[name], points, np.ones(len(points)), HALPE26)
