"""The house keeps its shape: sizes of the packages, and what tests may import."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "services" / "podium"
MOST_FILES = 25
MOST_LINES = 0.17  # of all
ROOMS = sorted(path.parent for path in PACKAGE.glob("*/__init__.py"))
PACKAGES = sorted(path.parent for path in PACKAGE.rglob("__init__.py"))
TEST_FOLDERS = sorted(p for p in (ROOT / "tests").iterdir() if p.is_dir() and p.name != "support")


@pytest.mark.parametrize(
    "package", PACKAGES, ids=lambda p: p.relative_to(PACKAGE.parent).as_posix()
)
def test_no_package_has_too_many_files(package: Path) -> None:
    assert len(list(package.glob("*.py"))) <= MOST_FILES


def lines(paths: Iterable[Path]) -> int:
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_no_package_is_too_large_a_part(room: Path) -> None:
    assert lines(room.rglob("*.py")) <= MOST_LINES * lines(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("folder", TEST_FOLDERS, ids=lambda folder: folder.name)
def test_no_folder_of_tests_imports_another(folder: Path) -> None:
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            for name in names:
                if name.startswith("tests."):
                    assert name.split(".")[1] in (folder.name, "support"), f"{path}: {name}"


def test_what_ships_imports_no_tests() -> None:
    for path in [*PACKAGE.rglob("*.py"), *(ROOT / "loadtest").rglob("*.py")]:
        assert "from tests" not in path.read_text(encoding="utf-8"), path
