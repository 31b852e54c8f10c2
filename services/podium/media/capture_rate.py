"""Slow motion: the frame rate of filming, if it differs from the frame rate of playback."""

from __future__ import annotations

import math
import re

from av.container import InputContainer
from av.video.stream import VideoStream

from podium.media.boxes import header_boxes
from podium.media.containers import Source
from podium.media.frame_times import usual_rate
from podium.media.video_index import VideoIndex

_KEYS = ("capture.fps", "capture_fps", "capturefps", "capture-fps")
"""Endings of metadata names with capture rates, such as Android's ``com.android.capture.fps``."""

_SONY = re.compile(rb'captureFps="(\d+(?:\.\d+)?)[pi]?"')
"""Capture rate in the XML of Sony's cameras ("slow and quick motion"), which FFmpeg ignores."""

_FASTEST = 1e5
_SAME_RATE = 1.5
"""Cameras write the rate that was set, but take fewer frames in the dark. So only a rate that
differs from that of playback by more than this factor means slow motion (or a time lapse)."""

_SAME_SPEED = 0.005
"""Smaller differences are rounding of a rate."""

_NEARLY_WHOLE = 0.02
"""Slow motion is slowed by a whole factor; the factor from rounded rates may be this far off."""


def declared_capture_fps(source: Source, container: InputContainer, stream: VideoStream) -> float:
    """Frames per second of filming, from the metadata; 0: unknown."""
    for metadata in (stream.metadata, container.metadata):
        for key, value in metadata.items():
            if key.lower().endswith(_KEYS) and (rate := _rate(value)):
                return rate
    if "mp4" in container.format.name:
        for box in header_boxes(source.data, field=source.field):
            if found := _SONY.search(box):
                return _rate(found[1].decode())
    return 0.0


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        return 0.0
    return rate if math.isfinite(rate) and 0 < rate <= _FASTEST else 0.0


def slow_motion(index: VideoIndex, capture_fps: float | None) -> float:
    """How many times slower the video plays than it was filmed.

    Args:
        index: Index of the video; its times are those of playback.
        capture_fps: Frames per second of filming, used as it is. None: from the metadata, if it
            differs clearly from the rate of playback.
    """
    plays = usual_rate(index.time_s)
    if not plays:
        return 1.0
    if capture_fps is not None:
        return capture_fps / plays
    factor = index.capture_fps / plays
    if not index.capture_fps or 1 / _SAME_RATE < factor < _SAME_RATE:
        return 1.0
    whole = max(1, round(factor))
    return float(whole) if abs(factor / whole - 1) < _NEARLY_WHOLE else factor


def slow_motion_note(index: VideoIndex, slowed: float, capture_fps: float | None) -> list[str]:
    """A note for people that times are not those of playback, and why."""
    if abs(slowed - 1) < _SAME_SPEED:
        return []
    plays = usual_rate(index.time_s)
    as_filmed = (
        f"it plays at {plays:.4g}: times and speeds are those of filming, {slowed:.4g} times"
    )
    if capture_fps is not None:
        return [f"filmed at {capture_fps:g} frames/s, as capture_fps says; {as_filmed} as fast"]
    return [
        f"the video says that it was filmed at {index.capture_fps:g} frames/s; {as_filmed} as fast "
        f"(if that is wrong, give capture_fps={plays:.4g})"
    ]
