"""C3D (c3d.org): markers, joint angles and the contacts of the feet."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import c3d
import numpy as np

from podium.biomechanics.events.moments import moments_of
from podium.biomechanics.events.movement import Movement
from podium.biomechanics.exports.markers import Markers

ANGLES = {
    f"{side}_{joint}": f"{side[0].upper()}{label}Angles"
    for side in ("left", "right")
    for joint, label in (
        ("hip_flexion", "Hip"),
        ("knee_flexion", "Knee"),
        ("ankle_dorsiflexion", "Ankle"),
    )
}
"""Angle -> name of its point; X is the angle in degrees, as in Vicon's Plug-in Gait."""

EVENTS = {"contact": "Foot Strike", "toe_off": "Foot Off"}
"""Event -> its label in files of motion capture."""


def write_c3d(path: Path, markers: Markers, movement: Movement) -> None:
    """Write points in millimetres; unknown points have the residual -1."""
    series = movement.analysis.angles
    angles = {s.angle.name: s.chosen.degrees for s in series if s.angle.name in ANGLES}
    degrees = np.zeros((len(markers.time_s), len(angles), 3))
    for column, values in enumerate(angles.values()):
        degrees[:, column, 0] = values
    points = np.concatenate([markers.positions_m * 1000, degrees], axis=1)
    known = np.isfinite(points).all(axis=-1)
    residual = np.where(known, 0.0, -1.0)[..., None]
    table = np.concatenate([np.where(known[..., None], points, 0.0), residual, residual], axis=-1)
    writer = c3d.Writer(point_rate=markers.rate_hz, point_scale=-1.0)
    labels = [*markers.names, *(ANGLES[name] for name in angles)]
    writer.set_point_labels(labels)
    writer.set_screen_axis(X="+X", Y="+Y")
    writer.analog_group.add_str("LABELS", "Names of the channels", "", 1, 0)
    none = np.zeros((1, 0))
    writer.add_frames([(frame.astype(np.float32), none) for frame in table])
    if angles:
        _add_texts(writer.point_group, "ANGLES", [ANGLES[name] for name in angles])
    _add_events(writer, movement)
    with path.open("wb") as file:
        writer.write(file)


def _add_events(writer: c3d.Writer, movement: Movement) -> None:
    start_s = float(movement.analysis.trajectory.time_s[0])
    events = [
        (moment.time_s - start_s, moment.side.capitalize(), EVENTS[moment.kind])
        for moment in moments_of(movement)
        if moment.kind in EVENTS
    ]
    if not events:
        return
    group = writer.add_group(writer.numeric_key_next, "EVENT", "Contacts of the feet")
    group.add_param("USED", bytes_per_element=2, bytes=struct.pack("<h", len(events)))
    _add_texts(group, "CONTEXTS", [context for _, context, _ in events])
    _add_texts(group, "LABELS", [label for *_, label in events])
    times = np.array([[0.0, time_s] for time_s, *_ in events], "<f4")  # minutes, seconds
    group.add_param(
        "TIMES", bytes_per_element=4, dimensions=[2, len(events)], bytes=times.tobytes()
    )


def _add_texts(group: Any, name: str, texts: list[str]) -> None:
    width = max(len(text) for text in texts)
    group.add_str(name, "", "".join(text.ljust(width) for text in texts), width, len(texts))
