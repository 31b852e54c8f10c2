"""A pinhole camera without distortion, placed around the run and fitted to it, or aimed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# View name: bearing of the camera from the athlete (degrees from straight ahead, to the
# athlete's right), distance from the middle of the run (m), height of the camera (m).
VIEWS = {
    "front": (0.0, 24.0, 1.5),
    "three-quarter-front": (45.0, 18.0, 1.5),
    "side": (90.0, 15.0, 1.1),
    "three-quarter-rear": (135.0, 18.0, 1.5),
    "rear": (180.0, 24.0, 1.5),
}
SIDE_MARGIN, TOP_MARGIN = 0.03, 0.08  # free border, as fractions of the frame


@dataclass(frozen=True)
class Camera:
    """Intrinsics and pose; camera axes are x right, y down, z away from the camera.

    Attributes:
        focal_px: Focal length; the principal point is the middle of the frame.
        size_px: Width and height of the frame.
        position_m: [3] in world axes.
        rotation: [3, 3] world to camera.
    """

    focal_px: float
    size_px: tuple[int, int]
    position_m: Floats
    rotation: Floats

    @property
    def centre_px(self) -> Floats:
        """Principal point [2]."""
        return np.array(self.size_px) / 2

    def to_camera(self, world_m: Floats) -> Floats:
        """World points [..., 3] in camera axes."""
        return (world_m - self.position_m) @ self.rotation.T

    def project(self, camera_m: Floats) -> Floats:
        """Pixels [..., 2] of points [..., 3] in camera axes."""
        return self.focal_px * camera_m[..., :2] / camera_m[..., 2:] + self.centre_px


def _look_at(position_m: Floats, target_m: Floats) -> Floats:
    away = (target_m - position_m) / np.linalg.norm(target_m - position_m)
    right = np.cross(away, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(away, right), away])


def fit(view: str, size_px: tuple[int, int], points_m: Floats) -> Camera:
    """Aim and zoom the named view so that the world points [N, 3] fill the frame up to margins.

    Raises:
        ValueError: No view has that name.
    """
    if view not in VIEWS:
        raise ValueError(f"no view is called {view!r}; choose one of {', '.join(VIEWS)}")
    bearing_deg, distance_m, height_m = VIEWS[view]
    middle = (points_m.min(axis=0) + points_m.max(axis=0)) / 2
    bearing = np.radians(bearing_deg)
    position = middle + distance_m * np.array([np.cos(bearing), -np.sin(bearing), 0.0])
    position[2] = height_m
    camera = Camera(1.0, size_px, position, _look_at(position, middle))
    for _ in range(8):  # turning the camera moves the bounds a little, so aim again
        low, high = _bounds(camera, points_m)
        aim = np.append((low + high) / 2, 1.0) @ camera.rotation
        camera = Camera(1.0, size_px, position, _look_at(position, position + aim))
    low, high = _bounds(camera, points_m)
    free = 1 - 2 * np.array([SIDE_MARGIN, TOP_MARGIN])
    focal_px = float(np.min(np.array(size_px) * free / (high - low)))
    return Camera(focal_px, size_px, position, camera.rotation)


def aim(
    view: str,
    size_px: tuple[int, int],
    *,
    middle_m: Floats,
    target_m: Floats,
    body_px: float,
    body_m: float,
    height_m: float | None = None,
) -> Camera:
    """Place the named view around a point and aim it at another point.

    Args:
        view: Its name in ``VIEWS``.
        size_px: Width and height of the frame.
        middle_m: [3] origin of the view's bearing and distance.
        target_m: [3] point in the middle of the frame.
        body_px: Length in pixels of ``body_m`` at the view's distance.
        body_m: A length in metres.
        height_m: Height of the camera, instead of the view's own.
    """
    bearing_deg, distance_m, usual_m = VIEWS[view]
    bearing = np.radians(bearing_deg)
    position = middle_m + distance_m * np.array([np.cos(bearing), -np.sin(bearing), 0.0])
    position[2] = usual_m if height_m is None else height_m
    focal_px = body_px / body_m * distance_m
    return Camera(focal_px, size_px, position, _look_at(position, target_m))


def _bounds(camera: Camera, points_m: Floats) -> tuple[Floats, Floats]:
    at = camera.to_camera(points_m)
    flat = at[:, :2] / at[:, 2:]
    return flat.min(axis=0), flat.max(axis=0)
