"""The rendered athlete as one trajectory, without rendering."""

import numpy as np

from podium.biomechanics.persons.trajectories import Trajectory
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
    keypoints = np.full((len(time_s), len(BLAZEPOSE33), 3), 0.9)
    for joint, column in BLAZEPOSE33.index.items():
        side, _, part = joint.partition("_")
        name = f"{side}_{_STAND_IN.get(part, part.removesuffix('_inner').removesuffix('_outer'))}"
        at = JOINTS.index(name) if name in JOINTS else JOINTS.index("nose")
        keypoints[:, column, :2] = pixels[:, at]
    low, high = pixels.min(axis=1), pixels.max(axis=1)
    return gait, Trajectory(
        person=0,
        frame_index=np.arange(len(time_s)),
        time_s=time_s,
        boxes=np.concatenate([low, high], axis=1),
        scores=np.ones(len(time_s)),
        keypoints=keypoints,
        keypoints_3d=np.full((len(time_s), len(BLAZEPOSE33), 3), np.nan),
    )
