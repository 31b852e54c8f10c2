"""``podium models export`` where torch is not installed, as in most environments."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

from podium.cli import cli
from podium.errors import SetupError


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed here")
def test_without_torch_the_error_says_what_to_install(tmp_path: Path) -> None:
    weights = tmp_path / "yolox_s.pth"
    weights.write_bytes(b"weights")
    command = ["models", "export", "yolox", "--weights", str(weights), "--out", str(tmp_path)]
    with pytest.raises(SetupError, match=r"torch is not installed .*`make setup-networks`"):
        CliRunner().invoke(cli, command, catch_exceptions=False)
    assert [path.name for path in tmp_path.iterdir()] == ["yolox_s.pth"]


def test_help_does_not_need_torch() -> None:
    said = CliRunner().invoke(cli, ["models", "export", "--help"])
    assert said.exit_code == 0
    assert "podium models export 3dmppe --weights" in said.stdout
