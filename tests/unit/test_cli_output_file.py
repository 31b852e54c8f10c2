"""What cannot be written is said before anything is measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from podium.cli import cli

COMMANDS = [
    ("bench {clip}", "--json"),
    ("bench {clip}", "--plot"),
    ("models throughput", "--json"),
    ("models bench", "--json"),
    ("models bench", "--markdown"),
    ("models bench", "--plot"),
]


@pytest.mark.parametrize(("command", "option"), COMMANDS)
def test_files_of_no_folder(command: str, option: str, clip: Path, tmp_path: Path) -> None:
    arguments = [*command.format(clip=clip).split(), option, str(tmp_path / "none" / "file")]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.stderr
    said = " ".join(result.stderr.split())
    assert f"there is no folder '{tmp_path / 'none'}'; make it first" in said
