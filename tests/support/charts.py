"""The charts of the repository: rendered by helm, or merged as helm would merge their values."""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "podium"
JOBS = ROOT / "charts" / "podium-jobs"
PLATFORM = ROOT / "charts" / "podium-platform"
OPTIONS = sorted((ROOT / "tests" / "charts" / "values").glob("*.yaml"))
"""Values that turn on what is off by default."""
JOBS_OPTIONS = sorted((ROOT / "tests" / "charts" / "values" / "jobs").glob("*.yaml"))
"""Values of charts/podium-jobs."""
WRONG = [
    {"chart": "podium", **each}
    for each in yaml.safe_load((ROOT / "tests" / "charts" / "wrong_values.yaml").read_text())
]
"""Values with one mistake each."""

TIERS = ("standard", "priority", "high-priority")
SERVICES = ("gateway", "decode", "detection", "pose2d", "pose3d", "postprocess")
Object = dict[str, Any]


class HelmFailed(Exception):
    """Helm refused; the text is what it wrote."""


class Helm:
    """The ``helm`` program."""

    def __init__(self, program: Path) -> None:
        self._program = program

    def template(
        self, release: str, chart: Path, *files: Path, version: str = "1.36.0", set_: str = ""
    ) -> list[Object]:
        """The objects of a release, as a cluster of that version would get them.

        Raises:
            HelmFailed: with what helm wrote.
        """
        return objects(self.render(release, chart, *files, version=version, set_=set_))

    def render(
        self, release: str, chart: Path, *files: Path, version: str = "1.36.0", set_: str = ""
    ) -> str:
        """The same as text."""
        values = [f"--values={file}" for file in files]
        settings = [f"--set={set_}"] if set_ else []
        where = ("--namespace=podium", f"--kube-version={version}")
        return self("template", release, str(chart), *where, *values, *settings)

    def __call__(self, *arguments: str) -> str:
        """Run a command; what it printed."""
        command = [self._program, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise HelmFailed(done.stderr + done.stdout)
        return done.stdout


def tier_file(tier: str) -> Path:
    """The values of a tier."""
    return CHART / f"values-{tier}.yaml"


def objects(text: str) -> list[Object]:
    """The documents of a YAML stream that are not empty."""
    return [each for each in yaml.safe_load_all(text) if each]


def values(chart: Path, *others: Object) -> Object:
    """The values of a chart with others over them: maps are merged, null removes."""
    merged = yaml.safe_load((chart / "values.yaml").read_text())
    for each in others:
        merged = _over(merged, each)
    return merged


def schema(chart: Path) -> Object:
    """What the values have to be."""
    loaded: Object = json.loads((chart / "values.schema.json").read_text())
    return loaded


def of_kind(rendered: list[Object], kind: str) -> dict[str, Object]:
    """The objects of a kind by their names."""
    return {each["metadata"]["name"]: each for each in rendered if each["kind"] == kind}


def _over(below: Any, above: Any) -> Any:
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return copy.deepcopy(above)
    merged = {key: _over(below.get(key), value) for key, value in above.items()}
    return {key: value for key, value in (below | merged).items() if value is not None}
