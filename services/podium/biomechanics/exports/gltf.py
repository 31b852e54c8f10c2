"""glTF 2.0 (Khronos, ISO/IEC 12113): markers and bones that move, in one file that stands alone.

A node per marker moves as the marker does; a bone is a child of the marker at its beginning, turned
and stretched to the marker at its end. Units are metres, Y is up. Where a marker is unknown, its
node has the size 0.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np

from podium.biomechanics.exports.markers import BONES, Markers
from podium.types import Float64

_MARKER_M, _BONE_M = 0.02, 0.015  # half widths
_COLOURS = {"L": [0.10, 0.45, 0.85, 1.0], "R": [0.95, 0.50, 0.10, 1.0], "": [0.55, 0.55, 0.58, 1.0]}
_FACES = np.array(
    [[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 4, 1], [5, 2, 1], [5, 3, 2], [5, 4, 3], [5, 1, 4]]
)
"""Triangles of two pyramids with one base: top, base, bottom."""
_FLOAT, _UINT16 = 5126, 5123


def write_gltf(path: Path, markers: Markers) -> None:
    """Write markers and bones as nodes with one animation."""
    file = _Gltf(np.asarray(markers.time_s - markers.time_s[0]))
    places = {name: markers.positions_m[:, k] for k, name in enumerate(markers.names)}
    nodes = {name: file.add_marker(name, place) for name, place in places.items()}
    for start, end in BONES:
        if start in nodes and end in nodes:
            file.add_bone(f"{start}-{end}", nodes[start], places[end] - places[start])
    path.write_text(json.dumps(file.document(), separators=(",", ":")), encoding="ascii")


class _Gltf:
    """A glTF document while it is filled."""

    def __init__(self, time_s: Float64) -> None:
        self._blob = bytearray()
        self._views: list[dict[str, int]] = []
        self._accessors: list[dict[str, Any]] = []
        self._nodes: list[dict[str, Any]] = []
        self._samplers: list[dict[str, Any]] = []
        self._channels: list[dict[str, Any]] = []
        self._time_s = time_s
        self._times = self._add_array(time_s[:, None], "SCALAR")
        faces = self._add_array(_FACES.reshape(-1, 1), "SCALAR", component=_UINT16)
        octahedron = _pyramids(top=_MARKER_M, base=0.0, bottom=-_MARKER_M, half=_MARKER_M)
        bone = _pyramids(top=1.0, base=0.15, bottom=0.0, half=_BONE_M)
        self._meshes = [
            {"primitives": [{"attributes": {"POSITION": at}, "indices": faces, "material": colour}]}
            for at in (self._add_array(octahedron, "VEC3"), self._add_array(bone, "VEC3"))
            for colour in range(len(_COLOURS))
        ]

    def add_marker(self, name: str, place_m: Float64) -> int:
        """Add a node at (T, 3), NaN where it is unknown."""
        known = np.asarray(np.isfinite(place_m).all(axis=1))
        node = self._add_node(name, mesh=_colour(name))
        self._animate(node, "translation", _bridged(place_m), "LINEAR")
        if not known.all():
            self._animate(node, "scale", np.repeat(known[:, None], 3, axis=1), "STEP")
        return node

    def add_bone(self, name: str, start: int, way_m: Float64) -> None:
        """Add a bone to a marker; its end is at (T, 3) from there."""
        length_m = np.asarray(np.linalg.norm(way_m, axis=1))
        known = np.asarray(np.isfinite(length_m) & (length_m > 0))
        node = self._add_node(name, mesh=len(_COLOURS) + _colour(name.partition("-")[2]))
        self._nodes[start].setdefault("children", []).append(node)
        way = _bridged(np.where(known[:, None], way_m, np.nan))
        self._animate(node, "rotation", _from_up(way), "LINEAR")
        size = np.stack([np.ones_like(length_m), np.nan_to_num(length_m), np.ones_like(length_m)])
        self._animate(node, "scale", size.T * known[:, None], "STEP")

    def document(self) -> dict[str, Any]:
        """The whole file."""
        children = {child for node in self._nodes for child in node.get("children", ())}
        roots = [number for number in range(len(self._nodes)) if number not in children]
        data = base64.b64encode(bytes(self._blob)).decode()
        return {
            "asset": {"version": "2.0", "generator": "Podium"},
            "scene": 0,
            "scenes": [{"nodes": roots}],
            "nodes": self._nodes,
            "meshes": self._meshes,
            "materials": [
                {"pbrMetallicRoughness": {"baseColorFactor": colour, "metallicFactor": 0.0}}
                for colour in _COLOURS.values()
            ],
            "animations": [
                {"name": "motion", "channels": self._channels, "samplers": self._samplers}
            ],
            "accessors": self._accessors,
            "bufferViews": self._views,
            "buffers": [
                {
                    "byteLength": len(self._blob),
                    "uri": f"data:application/octet-stream;base64,{data}",
                }
            ],
        }

    def _add_node(self, name: str, mesh: int) -> int:
        self._nodes.append({"name": name, "mesh": mesh})
        return len(self._nodes) - 1

    def _animate(self, node: int, path: str, values: Float64, interpolation: str) -> None:
        output = self._add_array(values, "VEC4" if path == "rotation" else "VEC3")
        self._channels.append(
            {"sampler": len(self._samplers), "target": {"node": node, "path": path}}
        )
        self._samplers.append(
            {"input": self._times, "output": output, "interpolation": interpolation}
        )

    def _add_array(self, values: Any, kind: str, component: int = _FLOAT) -> int:
        """Append (N, C) to the buffer and describe it; returns its accessor."""
        array = np.ascontiguousarray(values, "<u2" if component == _UINT16 else "<f4")
        self._blob += b"\0" * (-len(self._blob) % 4)
        self._views.append({"buffer": 0, "byteOffset": len(self._blob), "byteLength": array.nbytes})
        self._blob += array.tobytes()
        self._accessors.append(
            {
                "bufferView": len(self._views) - 1,
                "componentType": component,
                "count": len(array),
                "type": kind,
                "min": array.min(axis=0).tolist(),
                "max": array.max(axis=0).tolist(),
            }
        )
        return len(self._accessors) - 1


def _pyramids(*, top: float, base: float, bottom: float, half: float) -> Float64:
    around = [(half, base, 0.0), (0.0, base, -half), (-half, base, 0.0), (0.0, base, half)]
    return np.array([(0.0, top, 0.0), *around, (0.0, bottom, 0.0)])


def _colour(marker: str) -> int:
    side = marker[0] if marker[:1] in _COLOURS and marker[1:2].isupper() else ""
    return list(_COLOURS).index(side)


def _bridged(values: Float64) -> Float64:
    """Values (T, C) with unknown ones interpolated; zeros if none is known."""
    known = np.asarray(np.isfinite(values).all(axis=1))
    if not known.any():
        return np.zeros_like(values)
    rows = np.arange(len(values))
    return np.stack([np.interp(rows, rows[known], column[known]) for column in values.T], axis=1)


def _from_up(way: Float64) -> Float64:
    """Quaternions (T, 4), x y z w, of the shortest rotations from +Y to directions (T, 3)."""
    length = np.linalg.norm(way, axis=1, keepdims=True)
    x, y, z = (way / np.where(length > 0, length, 1.0)).T
    turn = np.stack([z, np.zeros_like(x), -x, 1 + y], axis=1)
    turn[np.linalg.norm(turn, axis=1) < 1e-6] = [1.0, 0.0, 0.0, 0.0]
    return np.asarray(turn / np.linalg.norm(turn, axis=1, keepdims=True))
