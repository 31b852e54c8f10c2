"""Load tests as anybody starts them, and what they leave behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
TIMEOUT_S = 240


@dataclass(frozen=True)
class Outcome:
    code: int
    printed: str
    folder: Path

    @property
    def figures(self) -> dict[str, Any]:
        return json.loads((self.folder / "figures.json").read_text())

    @property
    def report(self) -> str:
        return (self.folder / "report.md").read_text()

    def failures(self, user: str) -> dict[tuple[int, str], int]:
        """(code, why) -> calls."""
        return {(code, why): n for who, code, why, n in self.figures["failures"] if who == user}


def command(*flags: str) -> list[str]:
    return [sys.executable, "-m", "loadtest", *flags]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def load_test(cwd: Path, profile: str, host: str | None, *flags: str) -> Outcome:
    """Run a profile, given as TOML, to its end; None: it has the addresses."""
    folder = cwd / "report"
    file = cwd / "profile.toml"
    file.write_text(profile)
    to = ["--host", host] if host else []
    done = subprocess.run(
        command("--profile", str(file), "--out", str(folder), *to, *flags),
        cwd=cwd,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, folder)


def services(urls: Mapping[str, str]) -> str:
    """The table of a profile that says where the metrics of the stages are."""
    stages = [f'{name} = "{url}"' for name, url in urls.items() if name != "gateway"]
    return "\n".join(["[services]", *stages])
