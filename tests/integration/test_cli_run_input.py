"""Wrong input to ``podium run``: said at once, in its own words, and nothing is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def podium_run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """In a folder without models: services could not be started."""
    return subprocess.run(
        [sys.executable, "-m", "podium", "run", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=60,
        check=False,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "60", "PODIUM_MODELS": str(folder / "none")},
    )


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        (b"this is no video", (), "notes.mp4: is not media that Podium reads"),
        (b"", (), "notes.mp4: is empty"),
        (None, ("--pipeline", "pose-9d"), "--pipeline: there is no 'pose-9d'; there are "),
        (None, ("--intrinsics", "1,2"), "--intrinsics: must be fx,fy,cx,cy in pixels, such as "),
        (None, ("--known-distance", "1,2"), "--known-distance: must be x1,y1,x2,y2:metres "),
        (None, (), "there are no models in "),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_started(
    clip: Path, tmp_path: Path, content: bytes | None, options: tuple[str, ...], says: str
) -> None:
    video = tmp_path / "notes.mp4"
    video.write_bytes(clip.read_bytes() if content is None else content)
    result = podium_run(tmp_path, str(video), *options)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert says in line
    assert [path.name for path in tmp_path.iterdir()] == ["notes.mp4"]


def test_a_folder_with_files_of_others_is_refused_before_anything_is_started(
    clip: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    result = podium_run(tmp_path, str(clip), "--out", "out")
    assert result.returncode == 1
    assert "files that no run has made (thesis.txt)" in result.stderr
    again = podium_run(tmp_path, str(clip), "--out", "out", "--overwrite")
    assert "there are no models in " in again.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
def test_any_name_can_be_printed_on_any_terminal(tmp_path: Path, encoding: str) -> None:
    video = os.fsencode(tmp_path) + b"/100m, \xe9 \xc3\xa9 \xe2\x82\xac.mp4"
    Path(os.fsdecode(video)).write_bytes(b"no video")
    result = subprocess.run(
        [sys.executable.encode(), b"-m", b"podium", b"run", video],
        capture_output=True,
        cwd=tmp_path,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    assert result.returncode == 1
    assert b"is not media that Podium reads" in result.stderr
    assert b"Traceback" not in result.stderr
