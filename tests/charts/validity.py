"""Whether an API server would take what helm rendered."""

from __future__ import annotations

import kubernetes_validate

from tests.support.charts import Object
from tests.support.custom_resources import CustomResources

KUBERNETES = ("1.34.0", "1.35.0", "1.36.0")


def assert_valid(rendered: list[Object], custom_resources: CustomResources) -> None:
    """By the schemas of Kubernetes, or by those of the makers of custom resources."""
    for each in rendered:
        name = f"{each['kind']} {each['metadata']['name']}"
        if each in custom_resources:
            assert custom_resources.errors(each) == [], name
        else:
            for version in KUBERNETES:
                kubernetes_validate.validate(each, version, strict=True)
