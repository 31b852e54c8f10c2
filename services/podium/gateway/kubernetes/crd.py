"""The CustomResourceDefinition of pipelines, made from the schema of their YAML files.

``python -m podium.gateway.kubernetes.crd`` prints it.
"""

from __future__ import annotations

import sys
from typing import Any

import yaml

from podium.pipelines.spec import API_VERSION, Metadata, PipelineSpec

Schema = dict[str, Any]

PLURAL = "pipelines"
GROUP, VERSION = API_VERSION.split("/")

_KEPT = (
    "type", "default", "enum", "minimum", "maximum", "minLength", "maxLength", "required",
)  # fmt: skip
"""The keywords that a structural schema may have. ``additionalProperties`` is not needed: kubectl
refuses unknown fields, and the API server drops those of other clients."""

_TEXT = {"type": "string"}
_CONDITION: Schema = {
    "type": "object",
    "required": ["type", "status", "reason", "message", "lastTransitionTime"],
    "properties": {
        "type": {**_TEXT, "maxLength": 316},
        "status": {**_TEXT, "enum": ["True", "False", "Unknown"]},
        "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0},
        "lastTransitionTime": {**_TEXT, "format": "date-time"},
        "reason": {**_TEXT, "minLength": 1, "maxLength": 1024},
        "message": {**_TEXT, "maxLength": 32768},
    },
}
_STATUS: Schema = {
    "type": "object",
    "description": "What the gateways made of the spec.",
    "properties": {
        "observedGeneration": {
            "type": "integer",
            "format": "int64",
            "description": "The metadata.generation that the conditions are about.",
        },
        "conditions": {
            "type": "array",
            "description": "Accepted: whether the gateways serve this spec, and if not, why.",
            "items": _CONDITION,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    },
}


def custom_resource_definition() -> Schema:
    """The definition, ``apiextensions.k8s.io/v1``."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "plural": PLURAL,
                "singular": "pipeline",
                "kind": "Pipeline",
                "listKind": "PipelineList",
                "categories": ["podium"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": _columns(),
                    "schema": {"openAPIV3Schema": _document()},
                }
            ],
        },
    }


def _columns() -> list[Schema]:
    accepted = '.status.conditions[?(@.type=="Accepted")]'
    columns = {
        "Detector": (".spec.detection.model", "string", 0),
        "Pose": (".spec.pose.model", "string", 0),
        "Accepted": (f"{accepted}.status", "string", 0),
        "Reason": (f"{accepted}.reason", "string", 1),
        "Message": (f"{accepted}.message", "string", 1),
        "Age": (".metadata.creationTimestamp", "date", 0),
    }
    return [
        {"name": name, "jsonPath": path, "type": kind, "priority": priority}
        for name, (path, kind, priority) in columns.items()
    ]


def _document() -> Schema:
    spec = PipelineSpec.model_json_schema(by_alias=True)
    name = Metadata.model_json_schema()["properties"]["name"]
    return {
        "type": "object",
        "description": "Video in, key points out: which detector, which pose model, whom to keep.",
        "required": ["spec"],
        "properties": {
            "apiVersion": _TEXT,
            "kind": _TEXT,
            "metadata": {
                "type": "object",
                "properties": {"name": {**_TEXT, "maxLength": name["maxLength"]}},
            },
            "spec": _structural(spec, spec["$defs"]),
            "status": _STATUS,
        },
        "x-kubernetes-validations": [
            _rule(
                "self.metadata.name",
                name["pattern"],
                "metadata.name is a part of the endpoint: lower-case letters, digits and hyphens",
            )
        ],
    }


def _structural(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    """Turn a schema of pydantic into a structural one: without references and choices.

    Optional fields lose their ``null``, which the API server drops. Patterns become rules of the
    Common Expression Language, which have a readable message.

    Raises:
        ValueError: a field of the spec may have several types.
    """
    schema = _resolved(schema, definitions)
    if "type" not in schema:
        raise ValueError(f"a field of a custom resource has one type, unlike {schema}")
    made = {key: schema[key] for key in _KEPT if key in schema}
    if "exclusiveMinimum" in schema:
        made |= {"minimum": schema["exclusiveMinimum"], "exclusiveMinimum": True}
    about = " ".join(schema.get("description", "").replace("``", "`").split())
    if about:
        made["description"] = about
    if "pattern" in schema:
        message = about.partition(". ")[0].rstrip(".")
        made["x-kubernetes-validations"] = [_rule("self", schema["pattern"], message)]
    if "properties" in schema:
        made["properties"] = {
            name: _structural(part, definitions) for name, part in schema["properties"].items()
        }
    return made


def _resolved(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    """The schema without references, and without ``null`` as an alternative."""
    if "anyOf" in schema:
        choices = [choice for choice in schema["anyOf"] if choice != {"type": "null"}]
        if len(choices) == 1:
            outer = {k: v for k, v in schema.items() if k != "anyOf" and v is not None}
            return _resolved(choices[0] | outer, definitions)
    if "$ref" in schema:
        named = definitions[schema["$ref"].rpartition("/")[2]]
        return named | {key: value for key, value in schema.items() if key != "$ref"}
    return schema


def _rule(value: str, pattern: str, message: str) -> Schema:
    return {"rule": f"{value}.matches(r'{pattern}')", "message": message}


class _Plain(yaml.SafeDumper):
    """A YAML dumper without anchors: repeated values are written out."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def as_yaml() -> str:
    """The definition as YAML, as in the chart."""
    text = yaml.dump(custom_resource_definition(), Dumper=_Plain, sort_keys=False, width=100)
    return f"# Made by python -m {__spec__.name}; change podium/pipelines/spec.py instead.\n{text}"


if __name__ == "__main__":
    sys.stdout.write(as_yaml())
