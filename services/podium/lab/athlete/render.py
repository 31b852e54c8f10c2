"""Draws a mesh over a picture: painter's algorithm, sun and sky light, cast shadow."""

from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from podium.lab.athlete.camera import Camera
from podium.lab.athlete.mesh import Mesh

Floats = NDArray[np.float64]
Image = NDArray[np.uint8]

SUPERSAMPLE = 2  # the picture is drawn at twice the size, then averaged
SUB_BITS = 4  # fractional bits of the corner coordinates
TO_SUN = np.array([0.42, -0.52, 0.74]) / np.linalg.norm([0.42, -0.52, 0.74])
SUN, SKY, GROUND = 0.72, 0.48, 0.32  # light from the sun, from above, bounced from below
SHADOW = 0.55  # how much darker the ground is out of the sun
SHADOW_CELL_M, SHADOW_BIAS_M = 0.006, 0.04  # resolution and tolerance of the body's own shadow
PENUMBRA = 3  # half width of its soft edge, cells


def draw(background: Image, mesh: Mesh, camera: Camera) -> Image:
    """One frame [H, W, 3] RGB of the camera's size.

    Args:
        background: [2H, 2W, 3] RGB, twice the camera's size.
        mesh: The athlete, in world axes.
        camera: The camera.
    """
    canvas = background.copy()
    _cast_shadow(canvas, mesh, camera)
    at = camera.to_camera(mesh.quads_m)
    corners = _fixed_point(camera.project(at))
    x, y = corners[..., 0].astype(np.float64), corners[..., 1].astype(np.float64)
    # y points down, so the area of a quad that faces the camera (anticlockwise) is negative.
    area = (x[:, 2] - x[:, 0]) * (y[:, 3] - y[:, 1]) - (x[:, 3] - x[:, 1]) * (y[:, 2] - y[:, 0])
    order = np.argsort(-at[..., 2].mean(axis=1))
    colours = np.clip(mesh.colours * _light(mesh)[:, None] * 255, 0, 255)
    for quad in order[area[order] < 0]:
        cv2.fillConvexPoly(canvas, corners[quad], colours[quad].tolist(), shift=SUB_BITS)
    return np.asarray(cv2.resize(canvas, camera.size_px, interpolation=cv2.INTER_AREA), np.uint8)


def outline(mesh: Mesh, camera: Camera) -> Floats:
    """The tight box [4] xyxy around the mesh, in pixels."""
    at = camera.project(camera.to_camera(mesh.quads_m)).reshape(-1, 2)
    return np.concatenate([at.min(axis=0), at.max(axis=0)])


def _fixed_point(pixels: Floats) -> NDArray[np.int32]:
    # In OpenCV integer coordinates are pixel centres, here they are pixel corners.
    return np.asarray(np.round((pixels * SUPERSAMPLE - 0.5) * 2**SUB_BITS), np.int32)


def _light(mesh: Mesh) -> Floats:
    """Brightness [Q] of the quads."""
    one, two = (mesh.quads_m[:, k + 2] - mesh.quads_m[:, k] for k in (0, 1))
    normal = np.cross(one, two)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    facing = np.clip(normal @ TO_SUN, 0, 1)
    up = (normal[:, 2] + 1) / 2
    return np.asarray(SUN * facing * _in_sun(mesh, facing > 0) + SKY * up + GROUND * (1 - up))


def _in_sun(mesh: Mesh, facing: NDArray[np.bool_]) -> Floats:
    """Share [Q] of each quad that the sun reaches, by a depth map seen from the sun."""
    right = np.cross(TO_SUN, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    flat = mesh.quads_m @ np.stack([right, np.cross(TO_SUN, right)], axis=1)
    cells = np.round((flat - flat.min(axis=(0, 1))) / SHADOW_CELL_M).astype(np.int32) + 1
    height = (mesh.quads_m @ TO_SUN).mean(axis=1)
    width, length = cells.max(axis=(0, 1)) + 2
    nearest = np.full((length, width), -np.inf, np.float32)
    for quad in np.argsort(height):
        if facing[quad]:
            cv2.fillConvexPoly(nearest, cells[quad], (float(height[quad]),))
    column, row = cells.mean(axis=1).round().astype(int).T
    lit = np.zeros(len(cells))
    for down, across in product((-PENUMBRA, 0, PENUMBRA), repeat=2):
        y, x = np.clip(row + down, 0, length - 1), np.clip(column + across, 0, width - 1)
        lit += nearest[y, x] - height < SHADOW_BIAS_M
    return lit / 9


def _cast_shadow(canvas: Image, mesh: Mesh, camera: Camera) -> None:
    drop = mesh.quads_m[..., 2:] / TO_SUN[2]
    corners = _fixed_point(camera.project(camera.to_camera(mesh.quads_m - drop * TO_SUN)))
    mask = np.zeros(canvas.shape[:2], np.uint8)
    for quad in corners:
        cv2.fillConvexPoly(mask, quad, (255,), shift=SUB_BITS)
    x, y, width, height = cv2.boundingRect(mask)
    pad = 12
    window = (slice(max(y - pad, 0), y + height + pad), slice(max(x - pad, 0), x + width + pad))
    soft = cv2.GaussianBlur(mask[window], (0, 0), 3.0).astype(np.float32)[..., None] / 255
    canvas[window] = (canvas[window] * (1 - SHADOW * soft)).astype(np.uint8)
