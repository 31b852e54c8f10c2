"""Reads the folder of a run: results, options and corrections by hand."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from podium.errors import InvalidInput
from podium.postprocess.frame_results import Clip, merge
from podium.postprocess.result_text import parse_results
from podium.schemas.corrections import CorrectionFile
from podium.schemas.postprocess import PostprocessOptions
from podium.schemas.summary import Summary

MAX_FRAMES = 216_000
CORRECTIONS = "corrections.json"


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """What is needed to write the files of a run again."""

    video: Path  # may be gone
    clip: Clip
    options: PostprocessOptions
    corrections: CorrectionFile


def finished_run(folder: Path, corrections: CorrectionFile | None = None) -> FinishedRun:
    """Read the folder of a run.

    Args:
        folder: The folder.
        corrections: In place of those in ``corrections.json``.

    Raises:
        InvalidInput: it is no folder of a run, or its ``corrections.json`` is invalid.
    """
    clip = merge(parse_results(_read(folder / "results.json")), max_frames=MAX_FRAMES)
    if corrections is None:
        corrections = _corrections(folder)
    return FinishedRun(_video(folder), clip, _options(folder), corrections)


def _options(folder: Path) -> PostprocessOptions:
    """The options of the run, so that the files agree with its tables."""
    try:
        return Summary.model_validate_json(_read(folder / "summary.json")).options
    except ValidationError:
        raise InvalidInput(
            f"{folder / 'summary.json'} is of another version of Podium; run it again", field="RUN"
        ) from None


def _corrections(folder: Path) -> CorrectionFile:
    path = folder / CORRECTIONS
    if not path.exists():
        return CorrectionFile()
    try:
        return CorrectionFile.model_validate_json(_read(path))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join([CORRECTIONS, *(str(part) for part in first["loc"])])
        raise InvalidInput(first["msg"], field=where) from None


def _video(folder: Path) -> Path:
    """Path of the video at the time of the run; an empty path if it is unknown."""
    try:
        return Path(str(json.loads((folder / "run.json").read_bytes())["path"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Path()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise InvalidInput(
            f"{path} cannot be read; name a folder that `podium run` wrote", field="RUN"
        ) from None
