"""Closed surfaces made of coloured quads: tubes through rings and limbs with round ends."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Profile = tuple[tuple[float, float, float], ...]  # fraction of the length, half width, half depth


@dataclass(frozen=True)
class Mesh:
    """Quads whose corners turn anticlockwise seen from outside.

    Attributes:
        quads_m: [Q, 4, 3] corners in world axes.
        colours: [Q, 3] RGB, 0..1.
    """

    quads_m: Floats
    colours: Floats


def join(parts: list[Mesh]) -> Mesh:
    """Join several meshes into one."""
    return Mesh(
        np.concatenate([part.quads_m for part in parts]),
        np.concatenate([part.colours for part in parts]),
    )


def place(mesh: Mesh, turn: Floats, shift_m: Floats) -> Mesh:
    """The mesh rotated by [3, 3] about the origin, then shifted by [3]."""
    return Mesh(mesh.quads_m @ turn.T + shift_m, mesh.colours)


def unit(vector: Floats) -> Floats:
    """The vector [3], normalised."""
    return vector / np.linalg.norm(vector)


def stitch(rings: Floats, colours: Floats) -> Mesh:
    """Join rings [S, K, 3] of points to a surface.

    Each ring is anticlockwise around the direction to the next ring. ``colours`` [S-1, K, 3] are
    those of the quads between ring s and s+1, corner k and k+1.
    """
    turned = np.roll(rings, -1, axis=1)
    quads = np.stack([rings[:-1], turned[:-1], turned[1:], rings[1:]], axis=2)
    return Mesh(quads.reshape(-1, 4, 3), np.asarray(colours).reshape(-1, 3))


def loft(
    centres: Floats, side: Floats, front: Floats, radii: Floats, corners: int = 28
) -> tuple[Floats, Floats]:
    """Elliptic rings [S, K, 3] around centres [S, 3], and the angles [K] of their corners.

    ``side`` and ``front``, [3] or [S, 3], are the directions of the two radii [S, 2];
    side x front points along the tube. Angle 0 is at ``side``, 90 degrees at ``front``.
    """
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    sides = np.broadcast_to(side, centres.shape)[:, None] * radii[:, None, :1]
    fronts = np.broadcast_to(front, centres.shape)[:, None] * radii[:, None, 1:]
    rings = centres[:, None] + np.cos(angle)[:, None] * sides + np.sin(angle)[:, None] * fronts
    return rings, angle


def capsule(start: Floats, end: Floats, front: Floats, profile: Profile) -> tuple[Floats, Floats]:
    """Rings [S, K, 3] of a limb with round ends, and their places [S] as fractions of its length.

    Depth is measured towards ``front`` [3], which need not be perpendicular to the limb.
    """
    table = np.array(profile)
    length = float(np.linalg.norm(end - start))
    along = unit(end - start)
    side = unit(np.cross(front, along))
    stations = np.linspace(0, 1, 21)
    radii = np.stack([np.interp(stations, table[:, 0], table[:, k]) for k in (1, 2)], axis=1)
    cap = np.radians([88.0, 65.0, 40.0, 18.0])
    shrink = np.cos(cap)[:, None]
    places = np.concatenate(
        [
            -radii[0].mean() / length * np.sin(cap),
            stations,
            1 + radii[-1].mean() / length * np.sin(cap[::-1]),
        ]
    )
    all_radii = np.concatenate([radii[0] * shrink, radii, radii[-1] * shrink[::-1]])
    centres = start + places[:, None] * (end - start)
    rings, _ = loft(centres, side, np.cross(along, side), all_radii)
    return rings, places


def paint(rings: Floats, colour: tuple[float, float, float]) -> Mesh:
    """Stitch rings in one colour."""
    return stitch(rings, np.broadcast_to(colour, (len(rings) - 1, rings.shape[1], 3)))
