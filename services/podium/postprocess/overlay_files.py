"""The overlay files of a clip: ``overlay.mp4`` and a few pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from podium.biomechanics.analysis import shown
from podium.biomechanics.persons.trajectories import Trajectory
from podium.media.codecs import Codecs
from podium.postprocess.frame_results import Clip
from podium.postprocess.measured_clip import UNCORRECTED, analysis_options
from podium.postprocess.overlays import write_overlays
from podium.postprocess.source import open_source
from podium.schemas.postprocess import PostprocessOptions
from podium.types import Int64

VIDEO = "overlay.mp4"
_PICTURES = "overlay"


@dataclass(frozen=True, slots=True)
class Overlays:
    """The written overlays."""

    pictures: Mapping[int, Path]  # frame index -> file, in order
    video: bool
    notes: tuple[str, ...]  # notes for the reader


def draw_overlays(
    source: Path,
    clip: Clip,
    athletes: Sequence[Trajectory],
    options: PostprocessOptions,
    folder: Path,
    *,
    max_pixels: int,
    codecs: Codecs | None,
    check: Callable[[], None],
) -> Overlays:
    """Draw the athletes on the frames of the source; replaces earlier overlays in the folder.

    Args:
        source: The video or picture.
        clip: The merged results.
        athletes: The chosen persons.
        options: Options of the analysis and of the files.
        folder: Where to write.
        max_pixels: Largest number of pixels of a frame.
        codecs: Decode the source; None: those of this process.
        check: Called between frames; ends the work by raising.

    Raises:
        UnsupportedMedia, Unprocessable: the source cannot be read.
        TooLarge: its frames have more than ``max_pixels``.
    """
    for earlier in (folder / VIDEO, *(folder / _PICTURES).glob("frame_*.jpg")):
        earlier.unlink(missing_ok=True)
    rows = _picture_rows(clip, athletes, options.overlay_frames)
    if not len(clip.frames) or not (options.overlay or len(rows)):
        return Overlays({}, video=False, notes=())
    opened = open_source(source, max_pixels=max_pixels, codecs=codecs, check=check)
    moving = bool(opened.fps)
    settings = analysis_options(options, (clip.result.source.width, clip.result.source.height))
    corrections = options.corrections or UNCORRECTED
    persons = [
        shown(athlete, clip.skeleton, settings, corrections.of(athlete.person).keypoints)
        for athlete in athletes
    ]
    pictures, drawn = write_overlays(
        opened,
        clip.frames,
        persons,
        video=folder / VIDEO if options.overlay and moving else None,
        pictures=folder / _PICTURES,
        picture_rows=rows,
        check=check,
    )
    notes = []
    if options.overlay and not moving:
        notes.append("The source is a picture: there is no overlay.mp4.")
    expected = len(clip.frames) if options.overlay and moving else len(rows)
    if drawn < expected:
        notes.append(f"{expected - drawn} of {expected} overlay frames are not in the source.")
    return Overlays(pictures, (folder / VIDEO).exists(), tuple(notes))


def existing_overlays(folder: Path, notes: Sequence[str]) -> Overlays:
    """The overlays that are already in a folder."""
    pictures = sorted((folder / _PICTURES).glob("frame_*.jpg"))
    by_frame = {int(path.stem.removeprefix("frame_")): path for path in pictures}
    return Overlays(by_frame, (folder / VIDEO).exists(), tuple(notes))


def _picture_rows(clip: Clip, athletes: Sequence[Trajectory], count: int) -> Int64:
    """Evenly spaced rows of the timeline, of those that show a chosen person if there are any."""
    seen = [athlete.frame_index[np.isfinite(athlete.scores)] for athlete in athletes]
    index = np.unique(np.concatenate(seen)) if seen else clip.frames.frame_index
    rows = np.searchsorted(clip.frames.frame_index, index)
    chosen = np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)
    return np.asarray(rows[chosen], np.int64)
