"""A machine of somebody new: a fresh copy of the repository, an empty home, no caches."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLIP = "services/podium/lab/athlete/clips/sprint.mp4"


class Newcomer:
    """Follows the documents in a shell of their own.

    Args:
        folder: An empty one.
    """

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "podium"
        self._home = folder / "home"
        self._home.mkdir()
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
        ).stdout
        for name in filter(None, listed.split("\0")):
            copy = self.checkout / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy)

    @property
    def environment(self) -> dict[str, str]:
        """What a new shell has, with the commands of Podium in its path."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PODIUM_", "PYTHON", "VIRTUAL_ENV", "XDG_", "MAKE"))
        }
        scripts = self.checkout / ".venv" / "bin"
        return {
            **kept,
            "HOME": str(self._home),
            "PATH": f"{scripts}:{kept['PATH']}",
            "PIP_NO_CACHE_DIR": "1",
            "UV_NO_CACHE": "1",
            "PYTHONUNBUFFERED": "1",
        }

    def block(self, page: str, kind: str, containing: str) -> str:
        """The code of a page, as it is printed there."""
        text = (self.checkout / page).read_text()
        for code in re.findall(rf"^```{kind}\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            if containing in code:
                return str(code)
        raise AssertionError(f"{page} has no {kind} with {containing!r}")

    def run(self, command: str, *, timeout_s: float = 600) -> str:
        """Run a command of a page; it must succeed. Returns what it prints."""
        code, said = self.tried(command, timeout_s=timeout_s)
        assert code == 0, f"{command}\n{said}"
        return said

    def tried(self, command: str, *, timeout_s: float = 600) -> tuple[int, str]:
        """Run a command of a page. Returns its exit code and what it prints."""
        done = subprocess.run(  # noqa: S602 - the commands are those of our own pages
            command,
            check=False,
            shell=True,
            executable="/bin/bash",
            cwd=self.checkout,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        return done.returncode, done.stdout + done.stderr

    @contextmanager
    def running(self, command: str, until: str) -> Iterator[re.Match[str]]:
        """Run a command that goes on until Ctrl-C, once it has printed what ``until`` matches."""
        said = ""
        process = subprocess.Popen(  # noqa: S602 - the commands are those of our own pages
            f"exec {command}",
            shell=True,
            executable="/bin/bash",
            cwd=self.checkout,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        try:
            found = None
            while found is None and (line := process.stdout.readline()):
                said += line
                found = re.search(until, said)
            assert found, said
            yield found
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Newcomer:
    """Somebody who has just cloned the repository."""
    return Newcomer(tmp_path_factory.mktemp("newcomer"))
