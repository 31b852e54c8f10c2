"""The stadium behind the athlete: track, grass, trees and sky, rendered by ray casting."""

import cv2
import numpy as np
from numpy.typing import NDArray

from podium.lab.athlete.camera import Camera

Floats = NDArray[np.float64]

LANE_M, LINE_M, LANES_EACH_SIDE = 1.22, 0.05, 3
TARTAN, LINE, KERB = (0.60, 0.25, 0.19), (0.90, 0.89, 0.86), (0.80, 0.80, 0.78)
GRASS, DARK_GRASS = (0.36, 0.50, 0.20), (0.28, 0.42, 0.16)
TREE, DARK_TREE = (0.50, 0.60, 0.40), (0.30, 0.42, 0.25)
HAZE, SKY = (0.84, 0.89, 0.93), (0.42, 0.62, 0.86)


def background(camera: Camera, supersample: int, seed: int) -> NDArray[np.uint8]:
    """The empty scene [H*s, W*s, 3] RGB as the camera sees it."""
    width, height = (supersample * side for side in camera.size_px)
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    pixel = np.stack([x, y], axis=-1) / supersample - camera.centre_px
    ray = np.dstack([pixel / camera.focal_px, np.ones_like(x)]) @ camera.rotation
    rng = np.random.default_rng(seed)
    far = cv2.GaussianBlur(_far(ray, rng), (0, 0), 2.0 * supersample)  # out of focus
    down = ray[..., 2:] < -1e-3
    reach = camera.position_m[2] / np.where(down, -ray[..., 2:], 1.0)
    ground = _ground(camera.position_m + reach * ray, reach[..., 0], rng)
    return np.asarray(np.clip(np.where(down, ground, far) * 255, 0, 255), np.uint8)


def _noise(rng: np.random.Generator, x: Floats, y: Floats, cells: float, octaves: int) -> Floats:
    """Smooth noise, mean 0 and about +-1, with ``cells`` bumps per unit in the first octave."""
    total = np.zeros_like(x)
    for octave in range(octaves):
        tile = rng.standard_normal((256, 256)).astype(np.float32)
        scale = cells * 2**octave
        at_x, at_y = ((axis * scale % 255).astype(np.float32) for axis in (x, y))
        total += cv2.remap(tile, at_x, at_y, cv2.INTER_LINEAR) * 0.6**octave
    return total / 2


def _mix(one: Floats | tuple[float, ...], two: Floats | tuple[float, ...], share: Floats) -> Floats:
    share = np.clip(share, 0, 1)[..., None]
    return np.asarray(np.multiply(one, 1 - share) + np.multiply(two, share))


def _ground(point: Floats, reach: Floats, rng: np.random.Generator) -> Floats:
    """Colours of points [H, W, 3] on the ground; fine texture fades with distance."""
    along, across = point[..., 0], point[..., 1]
    near = np.clip(30 / reach, 0, 1)
    grain = 0.05 * near * _noise(rng, along, across, 60, 2)
    patches = _noise(rng, along, across, 0.5, 3)
    tartan = _mix(TARTAN, np.multiply(TARTAN, 0.90), 0.5 + 0.5 * patches)
    grass = _mix(
        GRASS, DARK_GRASS, 0.5 + 0.5 * patches + 0.4 * near * _noise(rng, along, across, 25, 2)
    )
    lane = (across / LANE_M) % 1.0
    line = np.abs(lane - 0.5) * LANE_M < LINE_M / 2
    edge = (LANES_EACH_SIDE + 0.5) * LANE_M
    track = np.where(line[..., None], LINE, tartan)
    outside = np.abs(across) > edge + LINE_M / 2
    kerb = outside & (np.abs(across) < edge + 0.20)
    return (
        np.where(kerb[..., None], KERB, np.where(outside[..., None], grass, track))
        + grain[..., None]
    )


def _far(ray: Floats, rng: np.random.Generator) -> Floats:
    """Trees and sky by direction."""
    azimuth = np.degrees(np.arctan2(ray[..., 1], ray[..., 0]))
    elevation = np.degrees(np.arctan2(ray[..., 2], np.hypot(ray[..., 0], ray[..., 1])))
    clouds = 0.5 * _noise(rng, azimuth, 3 * elevation, 0.12, 4)
    sky = _mix(HAZE, SKY, elevation / 14 + 0.1 - np.clip(clouds, 0, 1))
    crown = 3.6 + 0.9 * _noise(rng, azimuth, np.zeros_like(azimuth), 0.5, 4)
    leaves = _noise(rng, azimuth, 1.4 * elevation, 1.6, 4)
    shade = np.clip(1.1 - elevation / 4, 0, 1)
    trees = _mix(TREE, DARK_TREE, 0.35 * shade + 0.45 * leaves + 0.2)
    return np.where((elevation < crown + 0.25 * leaves)[..., None], trees, sky)
