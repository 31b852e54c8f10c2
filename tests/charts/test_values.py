"""What the schemas of the charts accept and refuse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from podium.api.settings import ApiSettings
from podium.environment import variables
from podium.jobs.settings import JobsSettings
from tests.support.charts import (
    CHART,
    JOBS,
    JOBS_OPTIONS,
    OPTIONS,
    PLATFORM,
    ROOT,
    TIERS,
    WRONG,
    Object,
    schema,
    tier_file,
    values,
)

FROM_OTHER_VALUES = {
    "ADDRESS": "the address of the pod",
    "API_KEYS": "apiKeys",
    "DRAIN_S": "shutdown.drainSeconds",
    "HOST": "all addresses",
    "MODELS": "models",
    "MODELS_CACHE_BYTES": "models.cacheBytes",
    "MODELS_CACHE_DIR": "models",
    "MODELS_S3_ALLOW_HTTP": "objectStore.allowHttp",
    "MODELS_S3_ENDPOINT": "objectStore.endpoint",
    "MODELS_S3_REGION": "objectStore.region",
    "NAMESPACE": "that of the service account",
    "OBJECTS_S3_ALLOW_HTTP": "objectStore.allowHttp",
    "OBJECTS_S3_ENDPOINT": "objectStore.endpoint",
    "OBJECTS_S3_READ_PREFIXES": "objectStore.readPrefixes",
    "OBJECTS_S3_REGION": "objectStore.region",
    "OBJECTS_S3_WRITE_PREFIXES": "objectStore.writePrefixes",
    "PIPELINES": "pipelines",
    "PORT": "port",
    "POSTPROCESS_TIMEOUT_S": "timeoutSeconds",
    "SERVICE_ACCOUNT": "where Kubernetes mounts it",
}
"""Settings that the chart gives the services by itself."""


JOBS_FROM_OTHER_VALUES = {
    "DATABASE_URL": "database",
    "GATEWAY_KEY": "gateways.apiKey",
    "GATEWAY_URL": "gateways.url",
    "HOST": "all addresses",
    "OBJECTS_URL": "for objects in a folder alone",
    "PORT": "controller.port",
    "S3_ALLOW_HTTP": "objectStore.allowHttp",
    "S3_BUCKET": "objectStore.bucket",
    "S3_ENDPOINT": "objectStore.endpoint",
    "S3_PREFIX": "objectStore.prefix",
    "S3_REGION": "objectStore.region",
    "SIGNING_KEY": "signingKey",
    "STATE": "a folder of the container",
    "STEPS": "controller.steps",
    "WORKERS": "controller.workers",
}
"""Settings that charts/podium-jobs gives by itself."""

CHARTS = (CHART, JOBS, PLATFORM)


def errors(chart: Path, *others: Object) -> list[jsonschema.ValidationError]:
    validator = jsonschema.Draft7Validator(schema(chart))
    return list(validator.iter_errors(values(chart, *others)))


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_the_schema_is_a_schema_and_knows_every_value(chart: Path) -> None:
    jsonschema.Draft7Validator.check_schema(schema(chart))
    assert errors(chart) == []


@pytest.mark.parametrize("options", [None, *OPTIONS], ids=lambda file: file and file.stem)
@pytest.mark.parametrize("tier", TIERS)
def test_tiers_and_options_are_accepted(tier: str, options: Path | None) -> None:
    files = [tier_file(tier), *([options] if options else [])]
    assert errors(CHART, *(yaml.safe_load(file.read_text()) for file in files)) == []


@pytest.mark.parametrize("options", JOBS_OPTIONS, ids=lambda file: file.stem)
def test_options_of_jobs_are_accepted(options: Path) -> None:
    assert errors(JOBS, yaml.safe_load(options.read_text())) == []


def test_values_on_the_page_about_deploying_are_accepted() -> None:
    page = (ROOT / "docs" / "deployment.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 6
    for block in blocks:
        chart = JOBS if block.startswith("# charts/podium-jobs") else CHART
        assert errors(chart, yaml.safe_load(block)) == [], block


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{wrong['path']}:{wrong['says']}")
def test_a_mistake_is_refused_where_it_is(wrong: Object) -> None:
    (error,) = errors(CHART.parent / wrong["chart"], wrong["values"])
    assert ".".join(map(str, error.absolute_path)) == wrong["path"]


def test_every_object_of_the_schemas_is_closed() -> None:
    """Only what Kubernetes itself checks, and names that users choose, may be anything."""
    open_ = {
        path
        for chart in CHARTS
        for path, each in walk(schema(chart), chart.name)
        if each.get("type") == "object" and "additionalProperties" not in each
    }
    assert {path.rpartition("/")[2] for path in open_} == {
        "items", "valueFrom", "nodeAffinity", "podAffinity", "podAntiAffinity",
        "additionalProperties",
    }  # fmt: skip


def test_every_setting_of_the_services_is_a_value() -> None:
    services = values(CHART)["services"]
    page = (ROOT / "docs" / "configuration.md").read_text()
    prefix = rf"PODIUM_(?:(?:{'|'.join(map(str.upper, services))})_)?"
    named = set(re.findall(rf"^\| `{prefix}(\w+)`", page, re.MULTILINE))
    documented = {
        name for name in named if not re.match("JOBS_|API_(?!KEYS)", name)
    }  # another chart
    accepted = set(schema(CHART)["$defs"]["settings"]["properties"])
    assert accepted & FROM_OTHER_VALUES.keys() == set()
    assert documented == accepted | FROM_OTHER_VALUES.keys()


def test_every_setting_of_jobs_is_a_value() -> None:
    named = {each.own.removeprefix("PODIUM_JOBS_") for each in variables(JobsSettings)}
    accepted = set(schema(JOBS)["properties"]["settings"]["properties"])
    assert accepted & JOBS_FROM_OTHER_VALUES.keys() == set()
    assert named == accepted | JOBS_FROM_OTHER_VALUES.keys()


def test_every_setting_of_the_api_is_a_value() -> None:
    accepted = set(schema(JOBS)["properties"]["api"]["properties"]["settings"]["properties"])
    of_the_chart = {"DRAIN_S", "HOST", "PORT"}
    named = {each.own.removeprefix("PODIUM_API_") for each in variables(ApiSettings)}
    assert accepted | of_the_chart == named
    assert accepted & of_the_chart == set()


def test_versions_of_the_charts_are_those_of_podium() -> None:
    from podium import __version__

    for chart in CHARTS:
        assert yaml.safe_load((chart / "Chart.yaml").read_text())["appVersion"] == __version__


def walk(part: Any, path: str) -> Iterator[tuple[str, Object]]:
    if isinstance(part, dict):
        yield path, part
        for key, value in part.items():
            yield from walk(value, f"{path}/{key}")
    elif isinstance(part, list):
        for index, value in enumerate(part):
            yield from walk(value, f"{path}/{index}")
