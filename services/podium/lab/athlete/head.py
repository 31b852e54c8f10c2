"""The head as one star-shaped surface with a painted face, and the neck."""

import numpy as np
from numpy.typing import NDArray

from podium.lab.athlete.gait import Motion
from podium.lab.athlete.mesh import Mesh, capsule, join, paint, stitch
from podium.lab.athlete.posture import FACE

Floats = NDArray[np.float64]

SKIN, HAIR = (0.78, 0.56, 0.43), (0.20, 0.13, 0.09)
WHITE, IRIS, LIPS = (0.90, 0.88, 0.86), (0.07, 0.05, 0.05), (0.58, 0.29, 0.27)
HALF_DEPTH, HALF_WIDTH, HALF_HEIGHT = 0.101, 0.081, 0.128  # m, for a body of 1.8 m


def head(motion: Motion, frame: int, size: float) -> Mesh:
    """Skull, face and neck of one frame, in world axes."""
    axes = motion.head[frame]
    nose = motion.joint("nose")[frame]
    centre = nose - 1.8 * size * axes @ np.array(FACE["nose"])
    shoulders = (motion.joint("left_shoulder")[frame] + motion.joint("right_shoulder")[frame]) / 2
    thorax = motion.thorax[frame]
    base = shoulders - 0.02 * size * thorax[:, 0]
    top = centre + size * axes @ np.array([-0.02, 0.0, -0.05])
    radii = ((0.0, 0.062 * size, 0.062 * size), (1.0, 0.056 * size, 0.058 * size))
    neck, _ = capsule(base, top, thorax[:, 0], radii)
    return join([paint(neck, SKIN), _skull(centre, axes, size)])


def _skull(centre: Floats, axes: Floats, size: float) -> Mesh:
    latitude = np.radians(np.linspace(-89.5, 89.5, 61))[:, None]
    longitude = np.linspace(-np.pi, np.pi, 96, endpoint=False)[None, :]
    radius = _radius(latitude, longitude)
    direction = _direction(latitude, longitude)
    rings = centre + size * (radius[..., None] * direction) @ axes.T
    middle_latitude = (latitude[:-1] + latitude[1:]) / 2
    middle_longitude = longitude + np.pi / 96
    return stitch(rings, _face(np.degrees(middle_latitude), np.degrees(middle_longitude)))


def _direction(latitude: Floats, longitude: Floats) -> Floats:
    """Unit vectors (forward, left, up); longitude 0 is ahead, positive to the left."""
    return np.stack(
        np.broadcast_arrays(
            np.cos(latitude) * np.cos(longitude),
            np.cos(latitude) * np.sin(longitude),
            np.sin(latitude),
        ),
        axis=-1,
    )


def _bump(latitude: Floats, longitude: Floats, at: tuple[float, float], wide: float) -> Floats:
    """A Gaussian: 1 at ``at`` (latitude, longitude), with width ``wide``; all in degrees."""
    apart = np.hypot(np.degrees(latitude) - at[0], np.degrees(longitude) - at[1])
    return np.asarray(np.exp(-0.5 * (apart / wide) ** 2))


def _radius(latitude: Floats, longitude: Floats) -> Floats:
    direction = _direction(latitude, longitude)
    half = np.array([HALF_DEPTH, HALF_WIDTH, HALF_HEIGHT])
    radius = 1 / np.linalg.norm(direction / half, axis=-1)
    low = np.clip(-np.degrees(latitude) / 60, 0, 1)
    radius = radius * (1 - 0.16 * low * np.abs(np.sin(longitude)))  # jaw
    radius = radius * (1 - 0.20 * low * np.clip(-np.cos(longitude), 0, 1))  # nape
    radius = radius + 0.020 * _bump(latitude, longitude, (-11, 0), 6.5)  # nose
    radius = radius + 0.008 * _bump(latitude, longitude, (2, 0), 6)  # bridge
    radius = radius + 0.006 * _bump(latitude, longitude, (-52, 0), 10)  # chin
    for side in (-1, 1):
        radius = radius - 0.006 * _bump(latitude, longitude, (6, 20 * side), 8)  # eye socket
        radius = radius + 0.016 * _bump(latitude, longitude, (-2, 97 * side), 7)  # ear
    return np.asarray(radius)


def _face(latitude: Floats, longitude: Floats) -> Floats:
    """Colours [S, K, 3] by direction, degrees."""

    def ellipse(at: tuple[float, float], half: tuple[float, float]) -> NDArray[np.bool_]:
        apart = ((latitude - at[0]) / half[0]) ** 2 + ((np.abs(longitude) - at[1]) / half[1]) ** 2
        return np.asarray(apart < 1)[..., None]

    hairline = np.interp(
        np.abs(longitude), [0, 40, 65, 80, 110, 125, 180], [46, 42, 20, 14, 10, -30, -38]
    )
    colour = np.where((latitude > hairline)[..., None], HAIR, SKIN)
    colour = np.where(ellipse((-2, 97), (13, 8)), SKIN, colour)
    colour = np.where(ellipse((6, 20), (4.5, 9)), WHITE, colour)
    colour = np.where(ellipse((6, 20), (4.5, 4)), IRIS, colour)
    colour = np.where(ellipse((17, 21), (2.6, 12)), HAIR, colour)
    colour = np.where(ellipse((-22, 4), (2.5, 4)), np.multiply(SKIN, 0.6), colour)
    return np.where(ellipse((-34, 0), (4, 15)), LIPS, colour)
