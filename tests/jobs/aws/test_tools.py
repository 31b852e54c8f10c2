"""The template and the state machine under the checkers of the field; see `make test-aws`."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.aws.state_machine import DEFINITION
from tests.jobs.aws.tools import ROOT, tool

pytestmark = pytest.mark.slow
TEMPLATE = DEFINITION.with_name("template.yaml")
TRANSLATE = Path(__file__).with_name("translate.py")
ENVIRONMENT = {
    **os.environ,
    "SAM_CLI_TELEMETRY": "0",
    "AWS_DEFAULT_REGION": "us-east-1",
    "PYTHONPATH": "",
}


def run(program: Path, *arguments: str | Path, cwd: Path = ROOT) -> tuple[int, str]:
    """A program's exit code and all that it prints."""
    done = subprocess.run(
        [program, *arguments], cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def translated(template: Path, target: Path) -> Path:
    """What CloudFormation gets: linters do not see through the shorthand of SAM."""
    code, text = run(tool("sam/bin/python"), TRANSLATE, template, target)
    assert code == 0, text
    return target


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return translated(TEMPLATE, tmp_path_factory.mktemp("template") / "plain.json")


def test_sam_finds_nothing() -> None:
    code, text = run(tool("sam/bin/sam"), "validate", "--lint", "-t", TEMPLATE)
    assert code == 0, text
    assert "is a valid SAM Template" in text


def test_cfn_lint_finds_nothing(plain: Path) -> None:
    code, text = run(tool("sam/bin/cfn-lint"), "-t", plain)
    assert code == 0, text


@pytest.mark.parametrize(
    ("right", "wrong", "rule"),
    [
        ("BatchSize: !Ref KinesisBatchSize", "BatchSize: 99999", "E3034"),
        ("FunctionName: !Ref Consumer", "FunctionName: !GetAtt Konsumer.Arn", "E1010"),
        ("Timeout: 300", "Timeout: 1000", "E3717"),
    ],
)
def test_cfn_lint_would_find_mistakes(tmp_path: Path, right: str, wrong: str, rule: str) -> None:
    text = TEMPLATE.read_text()
    assert right in text
    broken = tmp_path / "template.yaml"
    broken.write_text(text.replace(right, wrong))
    code, told = run(tool("sam/bin/cfn-lint"), "-t", translated(broken, tmp_path / "plain.json"))
    assert code != 0
    assert rule in told


def test_statelint_finds_nothing() -> None:
    code, text = run(tool("sam/bin/statelint"), DEFINITION)
    assert (code, text.strip()) == (0, "")


def test_statelint_would_find_a_mistake(tmp_path: Path) -> None:
    machine: dict[str, Any] = json.loads(DEFINITION.read_text())
    machine["States"]["Check"]["Next"] = "Nowhere"
    broken = tmp_path / "job.asl.json"
    broken.write_text(json.dumps(machine))
    _, text = run(tool("sam/bin/statelint"), broken)
    assert "Nowhere" in text


def test_checkov_finds_only_what_is_justified(plain: Path) -> None:
    code, text = run(
        tool("checkov/bin/checkov"),
        *("--config-file", TEMPLATE.with_name("checkov.yaml")),
        *("--file", plain, "--skip-download", "--compact", "--quiet"),
    )
    assert code == 0, text
    assert "Passed checks:" in text or not text.strip()


def test_every_justification_is_needed(plain: Path, tmp_path: Path) -> None:
    config = TEMPLATE.with_name("checkov.yaml").read_text()
    justified = {
        line.split()[1] for line in config.splitlines() if line.strip().startswith("- CKV")
    }
    _, text = run(
        tool("checkov/bin/checkov"),
        *("--file", plain, "--framework", "cloudformation", "--skip-download", "-o", "json"),
        cwd=tmp_path,
    )
    failed = json.loads(text[text.index("{") :])["results"]["failed_checks"]
    assert {each["check_id"] for each in failed} == justified


def test_the_image_of_the_functions_builds_as_sam_asks_for_it() -> None:
    sam = tool("sam/bin/sam")
    _, text = run(sam, "build", "--help")
    assert "--use-buildkit" in text, "samconfig.toml asks for it: the Dockerfile mounts caches"


def test_the_script_that_deploys_is_a_script(tmp_path: Path) -> None:
    code, text = run(Path("/bin/bash"), "-n", TEMPLATE.with_name("deploy.sh"))
    assert (code, text) == (0, "")
    code, text = run(TEMPLATE.with_name("deploy.sh"), "nowhere")
    assert code == 2
    assert "is none of" in text
