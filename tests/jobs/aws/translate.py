"""A template of SAM as CloudFormation gets it; run where aws-sam-translator is installed.

python translate.py template.yaml plain.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/podium:latest"


class NoManagedPolicies:
    """The translator asks for the ARNs of AWS' own policies; it knows those it needs."""

    def load(self) -> dict[str, str]:
        return {}


def main(template: Path, target: Path) -> None:
    from samtranslator.translator.transform import transform
    from samtranslator.yaml_helper import yaml_parse

    given: dict[str, Any] = yaml_parse(template.read_text())
    definition = Path(__file__).parents[3] / "services" / "sam" / "job.asl.json"
    for resource in given["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["ImageUri"] = IMAGE
        if resource["Type"] == "AWS::Serverless::StateMachine":
            del resource["Properties"]["DefinitionUri"]
            resource["Properties"]["Definition"] = json.loads(definition.read_text())
    plain = transform(given, {"AWS::Region": "us-east-1"}, NoManagedPolicies())
    target.write_text(json.dumps(plain, indent=1, default=str))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
