"""What a new installation gets before anybody can ask it for anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from podium.api.prepare import main
from podium.jobs.principal import SYSTEM
from podium.jobs.settings import JobsSettings, open_environment
from podium.jobs.sql import catalogue


def test_the_first_key_is_shown_once_and_another_on_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PODIUM_JOBS_STATE", str(tmp_path))
    said = []
    for arguments in ([], [], ["--new-admin-key"]):
        assert main(arguments) == 0
        said.append(capsys.readouterr().out.splitlines())
    first, second, third = said
    assert first[0] == third[0] == "admin key, shown this once:"
    assert second == ["there is an admin key already; --new-admin-key makes another"]
    assert len({first[1], third[1]}) == 2
    assert first[1] not in "".join(str(path.read_bytes()) for path in tmp_path.glob("podium.db*"))

    env = open_environment(JobsSettings())
    pipelines = env.database.read(SYSTEM, lambda s: catalogue.list_page(s, catalogue.PIPELINE))
    env.close()
    assert {"pose-2d", "pose-3d"} <= {each.pipeline_name for each in pipelines.items}


def test_a_wrong_setting_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PODIUM_JOBS_STATE", "/dev/null/state")
    assert main([]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("PODIUM_JOBS_STATE")
