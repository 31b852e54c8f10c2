"""Files that are no whole media, and messages in the words of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from podium.cli import cli
from podium.cli.run_job import in_words_of_options
from podium.client.local_media import check_media
from podium.errors import Unprocessable, UnsupportedMedia


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


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "."], "'VIDEO': . is a folder; a run takes one video: for video in"),
        (["run", "https://host/clip.mp4"], "is an address: download the video first, or"),
        (["run", __file__, "--height-m", "1,80"], "decimals have a point: 1.80"),
        (["run", __file__, "--height-m", "tall"], "'--height-m': 'tall' is not a number\n"),
        (["run", __file__, "--height-m", "18"], "18.0 is not in the range 0.3<=x<=3.0"),
        (["measures", "--skeleton", "coco"], "there is no 'coco'; there are coco17, "),
        (["job", "list"], "No such command 'job'. Did you mean 'jobs'?"),
        (["xyz"], "No such command 'xyz'.\n"),
    ],
)
def test_a_wrong_use_is_told_the_right_one(arguments: list[str], says: str) -> None:
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 2
    assert says in done.stderr
