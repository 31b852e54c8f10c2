"""What `pip install podium` gives without any extra: the SDK and the commands that use it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ONLY = """
import importlib.abc, sys
allowed = {allowed!r} | set(sys.stdlib_module_names) | {{"podium"}}
class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in allowed and not name.startswith("_"):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Refuse())
{code}
"""


def base_modules() -> set[str]:
    """Import names of the packages that come without extras, those that they need among them."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    packages: set[str] = set()
    while wanted:
        name, _, marker = wanted.pop().partition(";")
        package = re.split(r"[^\w.-]", name.strip())[0].lower()
        if "extra" not in marker and package not in packages:
            try:
                wanted += distribution(package).requires or []
            except ModuleNotFoundError:
                continue  # of another platform or Python
            packages.add(package)
    modules = set()
    for package in packages:
        for file in distribution(package).files or []:
            modules.add(file.parts[0].partition(".")[0])
    return modules


def python(code: str) -> subprocess.CompletedProcess[str]:
    whole = ONLY.format(allowed=base_modules(), code=code)
    return subprocess.run(
        [sys.executable, "-c", whole], check=False, capture_output=True, text=True
    )


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return python(f"sys.argv[1:] = {list(arguments)!r}\nfrom podium.cli import main\nmain()")


def test_the_base_has_nothing_that_serves():
    assert not base_modules() & {
        "fastapi", "starlette", "uvicorn", "numpy", "av", "cv2", "onnxruntime", "sqlalchemy",
        "opentelemetry", "prometheus_client", "orjson", "yaml",
    }  # fmt: skip


@pytest.mark.parametrize("verb", ["run", "models", "bench"])
def test_commands_that_need_more_say_what_to_install(verb: str):
    done = command(verb, "--help")
    assert done.returncode == 0 or "pip install 'podium[local]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_needs_nothing_more():
    done = command("--help")
    assert done.returncode == 0, done.stderr
    assert "First steps" in done.stdout


def test_the_sdk_needs_nothing_more():
    done = python("import podium; podium.Client, podium.AsyncClient, podium.ApiError")
    assert done.returncode == 0, done.stderr


def test_services_do_not_load_the_sdk():
    done = python("import podium; print('podium.client' in sys.modules)")
    assert done.stdout == "False\n", done.stderr
