"""kube-score on every tier: what it finds is mended, or justified in ``kube_score.yaml``."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.charts import (
    CHART,
    JOBS,
    JOBS_OPTIONS,
    OPTIONS,
    PLATFORM,
    TIERS,
    Helm,
    tier_file,
)

JUSTIFIED = yaml.safe_load((Path(__file__).parent / "kube_score.yaml").read_text())
Finding = tuple[str, str, str]


@pytest.fixture(scope="module")
def findings(helm: Helm, chart_tools: Path) -> set[Finding]:
    """Check, kind and message of all that it finds in all tiers with all options."""
    rendered = [helm.render("podium-platform", PLATFORM)]
    rendered += [
        helm.render(f"podium-{tier}", CHART, tier_file(tier), *options)
        for tier in TIERS
        for options in ([], *([file] for file in OPTIONS))
    ]
    rendered += [helm.render("podium-jobs", JOBS, options) for options in JOBS_OPTIONS]
    return set().union(*(score(chart_tools / "kube-score", text) for text in rendered))


def score(program: Path, text: str) -> set[Finding]:
    command = [program, "score", "--output-format=json", "--kubernetes-version=v1.36", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return {
        (check["check"]["id"], each["type_meta"]["kind"], comment["summary"])
        for each in json.loads(done.stdout) or ()
        for check in each["checks"]
        if not check["skipped"] and check["grade"] < 10
        for comment in check["comments"] or ()
    }


def test_every_finding_is_mended_or_justified(findings: set[Finding]) -> None:
    known = {(each["check"], each["kind"], each["says"]) for each in JUSTIFIED}
    assert findings - known == set(), "mend these, or justify them in kube_score.yaml"
    assert known - findings == set(), "nothing is left to justify here"
    assert all(each["because"] for each in JUSTIFIED)
