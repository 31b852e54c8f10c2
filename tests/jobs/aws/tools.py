"""The programs of ``make test-aws``; tests skip where they are not installed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / os.environ.get("PODIUM_AWS_TOOLS", ".venv-aws")


def tool(path: str) -> Path:
    """A program below the folder of tools."""
    found = FOLDER / path
    if not found.exists():
        pytest.skip(f"{path} is not installed; `make test-aws` installs it")
    return found
