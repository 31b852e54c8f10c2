"""`podium configure`, `podium jobs` and the commands of objects, as a shell runs them."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from podium.cli import main
from podium.cli.objects import COMMANDS, command_of
from tests.support.api_world import ApiWorld
from tests.support.fake_gateway import FakeGateway
from tests.support.videos import write_video
from tests.support.waiting import blocking_until
from tests.support.working_api import api, gateway, running_gateway

__all__ = ["api", "gateway", "running_gateway"]

Shell = Callable[..., "Ran"]


@dataclass(frozen=True)
class Ran:
    """What a command printed."""

    stdout: str
    stderr: str


@pytest.fixture
def podium(
    api: ApiWorld,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Shell]:
    """Run the command, once it is configured; without the second that a process takes to start."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments: str, stdin: str = "", code: int = 0) -> Ran:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        monkeypatch.setattr("sys.argv", ["podium", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        assert ended.value.code == code, printed
        return Ran(printed.out, printed.err)

    run("configure", "--endpoint-url", api.url, stdin=api.admin.secret + "\n")
    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_from_video_to_results(podium: Shell, tmp_path: Path) -> None:
    write_video(tmp_path / "sprint.mp4", 30)
    done = podium("jobs", "submit", "sprint.mp4", "--height-m", "1.82", "--out", "results")
    assert "succeeded" in done.stdout
    assert (tmp_path / "results/sprint/keypoints.csv").read_text() == "frames\n30\n"
    again = json.loads(
        podium("jobs", "submit", "sprint.mp4", "--height-m", "1.82", "-o", "json").stdout
    )
    listed = json.loads(podium("jobs", "list", "-o", "json").stdout)
    assert [job["id"] for job in listed] == [again["id"]]
    assert listed[0]["job_parameters"]["postprocess"] == {"athlete_height_m": 1.82}
    number = str(again["id"])
    assert "sprint.mp4" in podium("jobs", "status", number).stdout
    assert "keypoints.csv" in podium("jobs", "results", number).stdout
    podium("jobs", "results", number, "--out", "tables", "--only", "*.csv")
    assert [path.name for path in (tmp_path / "tables").rglob("[!.]*.*")] == ["keypoints.csv"]
    assert "nothing to try again" in podium("jobs", "retry", number, code=1).stderr
    assert "succeeded" in podium("jobs", "cancel", number).stdout


def test_ctrl_c_ends_the_watching_and_not_the_job(
    podium: Shell, api: ApiWorld, gateway: FakeGateway, tmp_path: Path
) -> None:
    write_video(tmp_path / "sprint.mp4", 29)
    works, gateway.fails = gateway.fails, lambda body, tries: (503, "busy")  # the job waits
    submit = ["jobs", "submit", "sprint.mp4", "--wait"]
    with subprocess.Popen(
        [sys.executable, "-m", "podium", *submit],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        blocking_until(lambda: api.app.state.streams.total() > 0)  # it watches
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        said = process.stderr.read()
        assert process.wait() == 130, said
    gateway.fails = works
    assert "goes on; `podium jobs watch" in said
    number = said.partition("jobs watch ")[2].partition("`")[0]
    assert "succeeded" in podium("jobs", "watch", number).stdout
    assert f"job {number} " in podium(*submit).stdout


def test_a_job_that_fails_says_why_and_how_to_go_on(
    podium: Shell, gateway: FakeGateway, tmp_path: Path
) -> None:
    write_video(tmp_path / "sprint.mp4", 28)
    works, gateway.fails = gateway.fails, lambda body, tries: (422, "media: too dark")
    done = podium("jobs", "submit", "sprint.mp4", "--wait", code=1)
    gateway.fails = works
    assert "too dark" in done.stderr
    number = json.loads(podium("jobs", "list", "--limit", "1", "-o", "json").stdout)[0]["id"]
    assert "succeeded" in podium("jobs", "retry", str(number), "--wait").stdout


def test_objects_as_the_original_had_them(podium: Shell, tmp_path: Path) -> None:
    made = podium(
        "create-pipeline", "--pipeline-name", "mine", "--pipeline-endpoint", "/v1/pipelines/mine"
    )
    assert "pipeline_name" in made.stdout
    assert "mine" in podium("list-pipelines").stdout
    group = json.loads(podium("create-user-group", "--user-group-name", "g", "-o", "json").stdout)
    (tmp_path / "ada.json").write_text('{"user_name": "Ada", "user_email": "ada@club.example"}')
    user = podium("create-user", "--json", "ada.json", "--group-id", str(group["id"]), "-o", "json")
    number = str(json.loads(user.stdout)["id"])
    podium("update-user", number, "--user-name", "Ada B.", "--version", "1")
    assert "Ada B." in podium("list-users").stdout
    stale = podium("delete-user", number, "--version", "1", code=1)
    assert "version 2" in stale.stderr
    podium("delete-user", number)
    assert "none" in podium("list-users").stdout
    assert json.loads(podium("list-users", "-o", "json").stdout) == []
    assert "admin" in podium("get-me").stdout


def test_mistakes_name_the_option_and_the_remedy(podium: Shell, tmp_path: Path) -> None:
    wrong = podium("create-project", "--project-concurrency", "0", code=1)
    assert "--project-" in wrong.stderr
    assert "is not NAME=VALUE" in podium("jobs", "submit", "x.mp4", "--frames", "3", code=2).stderr
    assert "x.mp4" in podium("jobs", "submit", "x.mp4", code=1).stderr
    (tmp_path / "x.mp4").write_bytes(b"0")
    assert "pose-3d" in podium("jobs", "submit", "x.mp4", "--pipeline", "p", code=1).stderr
    assert "there is no job 999" in podium("jobs", "status", "999", code=1).stderr
    refused = podium("configure", stdin="podium_wrong\n", code=1)
    assert "nothing was kept" in refused.stderr
    assert (
        "podium configure"
        in podium("list-users", "--endpoint-url", "http://127.0.0.1:9", code=1).stderr
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_operation_has_a_command_that_explains_itself(name: str) -> None:
    import click

    command = command_of(COMMANDS[name])
    text = command.get_help(click.Context(command, info_name=name))
    assert COMMANDS[name].summary in text
    assert f"podium.Client().{COMMANDS[name].name}(" in text
