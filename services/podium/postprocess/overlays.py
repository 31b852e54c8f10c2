"""Draws the overlay video and pictures of the analysed persons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from podium.biomechanics.analysis import Shown
from podium.biomechanics.signals.timeline import Timeline
from podium.postprocess.source import Source, SourceFrame
from podium.postprocess.video_writer import VideoWriter
from podium.render.overlay import DrawnPerson, draw
from podium.types import Int64
from podium.vision.video_frames import rgb_of

JPEG_QUALITY = 90


def write_overlays(
    source: Source,
    frames: Timeline,
    persons: Sequence[Shown],
    *,
    video: Path | None,
    pictures: Path,
    picture_rows: Int64,
    check: Callable[[], None],
) -> tuple[dict[int, Path], int]:
    """Draw the persons on the frames of the timeline.

    Args:
        source: Source of the frames.
        frames: The timeline; other frames of the source are skipped.
        persons: The persons to draw.
        video: File for the video; None: no video.
        pictures: Folder for the pictures.
        picture_rows: Rows of the timeline to write as pictures.
        check: Called before each frame; ends the work by raising.

    Returns:
        Frame index -> picture, in order; and how many of the wanted frames the source has.
    """
    wanted = set(picture_rows.tolist())
    written: dict[int, Path] = {}
    writer = VideoWriter(video, source.fps, source.time_base) if video is not None else None
    ordinals = frames.frame_index if writer is not None else frames.frame_index[picture_rows]
    drawn = 0
    try:
        for frame in source.frames(ordinals, check):
            check()
            row = int(np.searchsorted(frames.frame_index, frame.ordinal))
            drawn += 1
            _draw_frame(frame, row, frames, persons)
            if writer is not None:
                writer.write(frame.picture, frame.time_s)
            if row in wanted:
                path = pictures / f"frame_{frame.ordinal:06d}.jpg"
                written[frame.ordinal] = _write_picture(frame, path)
    finally:
        if writer is not None:
            writer.close()
    if video is not None and not drawn:
        video.unlink()
    return written, drawn


def _draw_frame(
    frame: SourceFrame,
    row: int,
    frames: Timeline,
    persons: Sequence[Shown],
) -> None:
    index = int(frames.frame_index[row])
    drawn = []
    for person in persons:
        trajectory = person.trajectory
        at = int(np.searchsorted(trajectory.frame_index, index))
        if at < len(trajectory) and trajectory.frame_index[at] == index:
            drawn.append(
                DrawnPerson(
                    skeleton=person.skeleton,
                    keypoints=person.keypoints[at],
                    filled=person.filled[at],
                    box=trajectory.boxes[at],
                    label=f"person {trajectory.person}",
                )
            )
    draw(frame.picture, drawn, f"frame {index}   {frames.time_s[row]:.3f} s")


def _write_picture(frame: SourceFrame, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    bgr = cv2.cvtColor(rgb_of(frame.picture), cv2.COLOR_RGB2BGR)
    _, picture = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    path.write_bytes(picture.tobytes())  # unlike imwrite, it raises when the disk is full
    return path
