"""The first hour of a sports scientist, a developer and a contributor, by the README alone.

The commands are taken out of the README, so that what is printed there is what is run. They install
everything anew, which takes minutes: ``pytest -m slow tests/newcomer``.
"""

from __future__ import annotations

import json
import re
import shutil

import pytest

from tests.newcomer.conftest import CLIP, Newcomer

pytestmark = pytest.mark.slow


def commands(block: str) -> list[str]:
    """The lines of a block, without what is said of them; a command may go over several."""
    joined = block.replace("\\\n", " ")
    lines = (re.sub(r"\s+#.*", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def using(newcomer: Newcomer, program: str) -> str:
    """The one command of the README's "Use it" that begins so."""
    block = newcomer.block("README.md", "sh", "podium view")
    [command] = (line for line in commands(block) if line.startswith(program))
    return command


def test_who_is_offline_is_told_so_at_once(newcomer: Newcomer) -> None:
    code, said = newcomer.tried("HTTPS_PROXY=http://127.0.0.1:9 make setup UV=")
    assert code
    assert "error: the package index cannot be reached; nothing was installed." in said
    assert "Retrying" not in said


def test_a_sports_scientist_gets_results_with_one_command(newcomer: Newcomer) -> None:
    demo, _ = commands(newcomer.block("README.md", "sh", "make demo"))
    said = newcomer.run(demo)
    results = newcomer.checkout / "results" / "sprint"
    readme = (newcomer.checkout / "README.md").read_text()
    for name in re.findall(r"^\| `([\w.]+)`", readme, re.MULTILINE):
        assert (results / name).stat().st_size, name
        assert name in said
    summary = json.loads((results / "summary.json").read_text())
    assert summary["persons"]


def test_and_works_on_with_a_clip_of_their_own(newcomer: Newcomer) -> None:
    shutil.copy(newcomer.checkout / CLIP, newcomer.checkout / "sprint.mp4")
    shutil.copy(newcomer.checkout / CLIP, newcomer.checkout / "100 m (final).mp4")
    run, view, export, doctor = (
        using(newcomer, f"podium {verb}") for verb in ("run", "view", "export", "doctor")
    )
    newcomer.run(run)
    exported = newcomer.run(export)
    assert ".trc" in exported
    newcomer.run(doctor)
    newcomer.run("make demo VIDEO='100 m (final).mp4'")
    with newcomer.running(f"{view} --no-open", until=r"http://[\w.:/-]+") as address:
        assert "<html" in newcomer.run(f"curl -fsS {address[0]}")


def test_a_developer_calls_what_podium_up_serves(newcomer: Newcomer) -> None:
    up, curl = using(newcomer, "podium up"), using(newcomer, "curl")
    with newcomer.running(up, until=r"podium_[\w-]{30,}") as key:
        answer = json.loads(newcomer.run(curl.replace("curl ", "curl -fsS ", 1)).splitlines()[-1])
        assert len(answer["frames"]) == 32
        newcomer.run("pip install --quiet 'tritonclient[http]'")
        code = newcomer.block("README.md", "python", "tritonclient")
        check = 'assert answer.as_numpy("keypoints").shape == (32, 33, 3)'
        (newcomer.checkout / "call.py").write_text(f"{code}\n{check}\n")
        newcomer.run("python call.py")

        newcomer.run(f"podium configure <<< {key[0]}")
        code = newcomer.block("README.md", "python", "podium.Client")
        (newcomer.checkout / "job.py").write_text(code)
        newcomer.run("python job.py")
        [of_job] = (newcomer.checkout / "results").glob("job-*/sprint/summary.json")
        assert json.loads(of_job.read_text())["persons"]


def test_a_developer_needs_nothing_but_http(newcomer: Newcomer) -> None:
    folders, up = commands(newcomer.block("docs/http.md", "sh", "--read clips"))
    newcomer.run(folders)
    shutil.copy(newcomer.checkout / CLIP, newcomer.checkout / "clips" / "sprint.mp4")
    code = newcomer.block("docs/http.md", "python", "urlopen")
    (newcomer.checkout / "http_client.py").write_text(code)
    with newcomer.running(f"{up} --no-jobs", until="Ctrl-C stops everything"):
        said = newcomer.run("python http_client.py")
    for name in ("measures.csv", "overlay.mp4", "report.html"):
        assert name in said
        assert (newcomer.checkout / "out" / "sprint" / name).stat().st_size


def test_a_contributor_finds_the_targets(newcomer: Newcomer) -> None:
    listed = newcomer.run("make")
    for target in ("demo", "test", "check", "up"):
        assert re.search(rf"^\s+{target}\s", listed, re.MULTILINE)
