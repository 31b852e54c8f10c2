"""Puts key points where corrections by hand say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from podium.biomechanics.persons.trajectories import Trajectory
from podium.errors import InvalidInput
from podium.schemas.corrections import KeypointCorrection
from podium.skeletons import Skeleton
from podium.types import Bool

FIELD = "corrections.json"


def corrected_keypoints(
    trajectory: Trajectory, skeleton: Skeleton, corrections: Sequence[KeypointCorrection]
) -> tuple[Trajectory, Bool]:
    """The trajectory with corrected key points, and where (T, J) they are.

    A corrected key point has a score of 1. Its place in 3D is unknown, since the picture moved it.

    Raises:
        InvalidInput: a correction names a frame or a key point that the person does not have.
    """
    where = np.zeros(trajectory.keypoints.shape[:2], np.bool_)
    if not corrections:
        return trajectory, where
    keypoints, in_3d = trajectory.keypoints.copy(), trajectory.keypoints_3d.copy()
    rows = {int(frame): row for row, frame in enumerate(trajectory.frame_index)}
    for each in corrections:
        if each.keypoint not in skeleton.index:
            raise InvalidInput(f"{skeleton.name} has no key point {each.keypoint!r}", field=FIELD)
        if each.frame not in rows:
            seen = f"{trajectory.frame_index[0]} to {trajectory.frame_index[-1]}"
            raise InvalidInput(
                f"person {trajectory.person} is seen on frames {seen}, not {each.frame}",
                field=FIELD,
            )
        at = rows[each.frame], skeleton.index[each.keypoint]
        keypoints[at] = (*each.corrected_px, 1.0)
        in_3d[at] = np.nan
        where[at] = True
    return replace(trajectory, keypoints=keypoints, keypoints_3d=in_3d), where
