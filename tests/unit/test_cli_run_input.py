"""Wrong input to ``podium run``: said at once, in its own words, and nothing is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from podium.cli.run_job import in_words_of_options
from podium.client.local_media import check_media
from podium.errors import Unprocessable, UnsupportedMedia


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


def test_a_cut_off_download_is_called_that(clip: Path, shared_data: Path, tmp_path: Path) -> None:
    whole = clip.read_bytes()
    moov = whole.index(b"moov") - 4
    at_the_end = moov > whole.index(b"mdat")
    for length in (moov - 1000,) if at_the_end else (moov + 1000,):
        (tmp_path / "cut.mp4").write_bytes(whole[:length])
        with pytest.raises(Unprocessable, match=rf"cut.mp4: is cut off: it has {length} bytes of "):
            check_media(tmp_path / "cut.mp4")
    (tmp_path / "damaged.mp4").write_bytes(b"\0\0\0\x20ftypisom" + bytes(500))
    with pytest.raises(Unprocessable, match=r"damaged.mp4: looks like mp4, but is damaged"):
        check_media(tmp_path / "damaged.mp4")
    (tmp_path / "cut.avi").write_bytes(b"RIFF\x00\x00\x01\x00AVI LIST" + bytes(100))
    with pytest.raises(Unprocessable, match=r"cut.avi: is cut off: it has 116 bytes of .* 65544;"):
        check_media(tmp_path / "cut.avi")
    with pytest.raises(UnsupportedMedia, match=rf"{Path(__file__).name}: is not media"):
        check_media(Path(__file__))
    assert check_media(clip) is None
    assert check_media(shared_data / "real" / "000000000785.jpg") is None
    if not at_the_end:
        (tmp_path / "short.mp4").write_bytes(whole[:-1000])
        wrong = check_media(tmp_path / "short.mp4")
        assert wrong is not None
        assert wrong.startswith(f"is cut off: it has {len(whole) - 1000} bytes of at least ")


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("media: has no video", "/v/clip.mp4: has no video"),
        ("athlete_height_m: must be at least 0.3", "--height-m: must be at least 0.3"),
        ("stride: must be at most 64", "--stride: must be at most 64"),
        ("person 0: give athlete_height_m.", "person 0: give --height-m."),
        ("the services are busy: try again", "the services are busy: try again"),
    ],
)  # fmt: skip
def test_messages_have_the_words_of_the_command_line(message: str, said: str) -> None:
    assert in_words_of_options(message, Path("/v/clip.mp4")) == said


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
