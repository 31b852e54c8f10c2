"""The regions that BlazePose models need: centred on the hips and rotated with the person.

Detector and landmark model both give two points, the middle of the hips and a point on the circle
around the whole body, straight above them for a person who stands. Source: Bazarevsky et al.,
"BlazePose", 2020.
"""

from __future__ import annotations

import numpy as np

from podium.types import Float32

_ROI_PER_CIRCLE = 1.25  # side of the region over the diameter of the body circle


def aligned_regions(hips: Float32, on_circle: Float32) -> tuple[Float32, Float32]:
    """Boxes (K, 4) around the body circles, and the regions (K, 5) to cut out.

    Args:
        hips: (K, 2) the middle of the hips.
        on_circle: (K, 2) the point on the body circle.
    """
    dx, dy = (on_circle - hips).T
    radius = np.hypot(dx, dy)[:, None]
    side = 2 * radius * _ROI_PER_CIRCLE
    rotation = np.arctan2(dx, -dy)[:, None]  # 0 when the point is straight above the hips
    boxes = np.concatenate([hips - radius, hips + radius], axis=1)
    return boxes, np.concatenate([hips, side, side, rotation], axis=1)
