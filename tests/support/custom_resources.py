"""Checks custom resources against the definitions that their makers publish.

A definition is read as a strict JSON schema: fields that it does not name are refused, as
``kubectl --validate=strict`` does. Its CEL rules are left to a real API server.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import jsonschema
import yaml

from tests.support import chart_programs as programs
from tests.support.charts import Object
from tests.support.go_programs import module_folder

DEFINITIONS = {
    programs.GATEWAY_API: ["config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"],
    programs.KARPENTER: ["pkg/apis/crds/karpenter.sh_nodepools.yaml"],
    programs.KARPENTER_AWS: ["pkg/apis/crds/karpenter.k8s.aws_ec2nodeclasses.yaml"],
    programs.KEDA: ["config/crd/bases/keda.sh_scaledobjects.yaml"],
    programs.PROMETHEUS_OPERATOR: [
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
    ],
}
"""Module and files of each definition."""


def definitions() -> Iterator[Object]:
    """All of them; the first call downloads the modules."""
    for module, files in DEFINITIONS.items():
        folder = module_folder(module)
        for file in files:
            yield yaml.safe_load((folder / file).read_text())


class CustomResources:
    """The definitions of all custom resources that the charts and ``k8s/`` make."""

    def __init__(self) -> None:
        self._schemas: dict[tuple[str, str], Object] = {}
        for definition in definitions():
            self._read(definition)

    def __contains__(self, custom: Object) -> bool:
        return (custom["apiVersion"], custom["kind"]) in self._schemas

    def errors(self, custom: Object) -> list[str]:
        """What the definition of an object has against it."""
        schema = self._schemas[custom["apiVersion"], custom["kind"]]
        found = jsonschema.Draft7Validator(schema).iter_errors(custom)
        return [f"{error.json_path}: {error.message}" for error in found]

    def _read(self, definition: Object) -> None:
        spec = definition["spec"]
        for version in spec["versions"]:
            schema = _strict(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = {"type": "object"}
            key = f"{spec['group']}/{version['name']}", spec["names"]["kind"]
            self._schemas[key] = schema


def _strict(schema: Any) -> Any:
    """A structural schema of Kubernetes as a JSON schema that refuses unknown fields."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    strict = {key: _strict(value) for key, value in schema.items() if key != "properties"}
    if "properties" in schema:
        strict["properties"] = _each(schema["properties"].items())
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            strict.setdefault("additionalProperties", False)
    if schema.get("nullable") and isinstance(strict.get("type"), str):
        strict["type"] = [strict["type"], "null"]
    return strict


def _each(properties: Iterable[tuple[str, Any]]) -> Object:
    return {name: _strict(schema) for name, schema in properties}
