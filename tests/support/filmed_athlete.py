"""The rendered athlete as one trajectory, without rendering."""

import numpy as np

from podium.biomechanics.persons.trajectories import Trajectory
from podium.lab.athlete.film import cameras_of, motion_of
from podium.lab.athlete.gait import JOINTS, run
from podium.lab.athlete.posture import Gait
from podium.skeletons import BLAZEPOSE33

PX_PER_M = 200.0
SPEED_M_S, STRIDE_HZ = 5.0, 2.0
_STAND_IN = {"pinky": "wrist", "index": "wrist", "thumb": "wrist"}


def filmed(*, fps=60, seconds=2.0, noise_px=0.0, seed=0, start_s=0.0, view="side"):
    """The rendered athlete through a camera without perspective, as one trajectory."""
    gait = Gait(speed_m_s=SPEED_M_S, stride_hz=STRIDE_HZ)
    time_s = np.arange(0, seconds, 1 / fps)
    motion = run(gait, start_s + time_s)
    across, up = motion.joints_m[..., 0 if view == "side" else 1], motion.joints_m[..., 2]
    pixels = np.stack([100 + PX_PER_M * across, 600 - PX_PER_M * up], axis=-1)
    pixels += np.random.default_rng(seed).normal(0, noise_px, pixels.shape)
    return gait, _trajectory(time_s, pixels)


def filmed_scene(scene, *, noise_px=1.0):
    """The first athlete of a scene through its camera: the motion, and the trajectory with 3D."""
    time_s = np.arange(scene.frames) / scene.fps
    motion = motion_of(scene.runners[0], time_s)
    cameras = cameras_of(scene, motion)
    joints_m = np.stack(
        [camera.to_camera(joints) for camera, joints in zip(cameras, motion.joints_m, strict=True)]
    )
    pixels = cameras[0].project(joints_m)
    pixels += np.random.default_rng(0).normal(0, noise_px, pixels.shape)
    hips = [JOINTS.index(f"{side}_hip") for side in ("left", "right")]
    return motion, _trajectory(time_s, pixels, joints_m - joints_m[:, hips].mean(1, keepdims=True))


def _trajectory(time_s, pixels, metres=None):
    keypoints = np.full((len(time_s), len(BLAZEPOSE33), 3), 0.9)
    keypoints_3d = np.full(keypoints.shape, np.nan)
    for joint, column in BLAZEPOSE33.index.items():
        side, _, part = joint.partition("_")
        name = f"{side}_{_STAND_IN.get(part, part.removesuffix('_inner').removesuffix('_outer'))}"
        at = JOINTS.index(name) if name in JOINTS else JOINTS.index("nose")
        keypoints[:, column, :2] = pixels[:, at]
        if metres is not None:
            keypoints_3d[:, column] = metres[:, at]
    low, high = pixels.min(axis=1), pixels.max(axis=1)
    return Trajectory(
        person=0,
        frame_index=np.arange(len(time_s)),
        time_s=time_s,
        boxes=np.concatenate([low, high], axis=1),
        scores=np.ones(len(time_s)),
        keypoints=keypoints,
        keypoints_3d=keypoints_3d,
    )
