"""The athletes of a finished run as files of motion capture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from podium.biomechanics.exports.formats import FORMATS
from podium.biomechanics.persons.trajectories import link
from podium.errors import InvalidInput
from podium.postprocess.frame_results import merge, parse_results
from podium.postprocess.measured_clip import measured_athletes
from podium.schemas.postprocess import PostprocessOptions
from podium.schemas.summary import Summary

MAX_FRAMES = 216_000
FOLDER = "exports"


def export(run: Path, formats: Sequence[str]) -> list[Path]:
    """Write the athletes of a run to ``exports/person<N>.<format>`` in its folder.

    Args:
        run: What ``podium run`` wrote: ``results.json`` and ``summary.json``.
        formats: Of ``FORMATS``.

    Raises:
        InvalidInput: it is no folder of a run, or has no athlete.
        Unprocessable: the athlete lacks what a format needs.
    """
    clip = merge(parse_results(_read(run / "results.json")), max_frames=MAX_FRAMES)
    athletes = list(measured_athletes(clip, link(clip.tracklets, clip.frames), _options(run)))
    if not athletes:
        raise InvalidInput(f"{run} has no athlete to export", field="RUN")
    folder = run / FOLDER
    folder.mkdir(exist_ok=True)
    written = []
    for athlete in athletes:
        for suffix in formats:
            path = folder / f"person{athlete.analysis.trajectory.person}.{suffix}"
            FORMATS[suffix](path, athlete)
            written.append(path)
    return written


def _options(run: Path) -> PostprocessOptions:
    """The options of the run, so that files agree with its tables."""
    try:
        return Summary.model_validate_json(_read(run / "summary.json")).options
    except ValidationError:
        raise InvalidInput(
            f"{run / 'summary.json'} is of another version of Podium; run it again", field="RUN"
        ) from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise InvalidInput(
            f"{path} cannot be read; name a folder that `podium run` wrote", field="RUN"
        ) from None
