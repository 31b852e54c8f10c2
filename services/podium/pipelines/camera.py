"""The camera of a request, for models that place persons in camera coordinates."""

from __future__ import annotations

import numpy as np

from podium.schemas.intrinsics import Intrinsics
from podium.types import Float32, Int32
from podium.vision.camera import ASSUMED_FOCAL_PX, assumed_intrinsics

ASSUMED = (
    f"the focal length was assumed to be {ASSUMED_FOCAL_PX:.0f} px: distances are in proportion to "
    "it; give the camera's own with intrinsics=fx,fy,cx,cy"
)
"""Note in an answer whose request gave no intrinsics."""


def camera_of(given: Intrinsics | None, frame_size: Int32) -> Float32:
    """Intrinsics (4,): the given ones, else assumed ones for ``frame_size`` (width, height)."""
    if given is not None:
        return np.array(given, np.float32)
    return assumed_intrinsics(*frame_size.tolist())
