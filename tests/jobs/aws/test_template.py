"""The template says what the code says: time-outs, names of handlers and settings, levers."""

from __future__ import annotations

import importlib
import re
import tomllib
from typing import Any

import pytest
import yaml

from podium.jobs.settings import JobsSettings
from podium.jobs.timing import STEPS, StepName, Timing
from podium.schemas.states import PRIORITIES
from tests.jobs.aws.state_machine import DEFINITION

FOLDER = DEFINITION.parent
LAMBDA_S = 900
"""Longer no function of Lambda runs."""


class _Loader(yaml.SafeLoader):
    """Reads ``!Ref x`` and its like as ``{"Ref": x}``."""


def _function(loader: _Loader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    return {suffix: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _function)
TEMPLATE: dict[str, Any] = yaml.load((FOLDER / "template.yaml").read_text(), _Loader)  # noqa: S506
RESOURCES = TEMPLATE["Resources"]
FUNCTIONS = {
    name: resource["Properties"]
    for name, resource in RESOURCES.items()
    if resource["Type"] == "AWS::Serverless::Function"
}
OF_STEP: dict[str, StepName] = {
    "Initializer": "initialize",
    "Submitter": "submit",
    "CompletionCheck": "check",
    "Collector": "collect",
}
CLASSES = {"": "standard", "Priority": "priority", "HighPriority": "high-priority"}


@pytest.mark.parametrize("name", OF_STEP)
def test_functions_have_the_time_of_the_table_or_the_longest_there_is(name: str) -> None:
    assert FUNCTIONS[name]["Timeout"] == min(LAMBDA_S, STEPS[OF_STEP[name]].timeout_s)


def test_a_consumer_has_time_for_a_call_that_takes_as_long_as_it_may() -> None:
    assert FUNCTIONS["Consumer"]["Timeout"] > STEPS["consume"].timeout_s


def test_every_function_names_a_handler_that_is_there() -> None:
    for properties in FUNCTIONS.values():
        [command] = properties["ImageConfig"]["Command"]
        module, _, function = command.rpartition(".")
        assert callable(getattr(importlib.import_module(module), function))


def test_every_function_is_built_from_the_one_image() -> None:
    dockerfile = (FOLDER.parent / "Dockerfile").read_text()
    for name in FUNCTIONS:
        metadata = RESOURCES[name]["Metadata"]
        root = (FOLDER / metadata["DockerContext"]).resolve()
        assert (root / metadata["Dockerfile"]).samefile(FOLDER.parent / "Dockerfile")
        assert f" AS {metadata['DockerBuildTarget']}\n" in dockerfile


def test_every_variable_is_a_setting() -> None:
    everywhere = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    known = {f"PODIUM_JOBS_{field.upper()}" for field in JobsSettings.model_fields}
    for properties in FUNCTIONS.values():
        own = properties.get("Environment", {}).get("Variables", {})
        assert set(everywhere) | set(own) <= known


@pytest.mark.parametrize(("prefix", "priority"), CLASSES.items())
def test_every_class_has_a_stream_with_its_levers(prefix: str, priority: str) -> None:
    levers = {
        f"{prefix}JobStreamShardCount": 2,
        f"{prefix}KinesisBatchSize": 1,
        f"{prefix}KinesisParallelizationFactor": 1,
        f"{prefix}KinesisEnhancedFanOut": "false",
    }
    assert {name: TEMPLATE["Parameters"][name]["Default"] for name in levers} == levers
    stream = RESOURCES[f"{prefix}JobStream"]["Properties"]
    assert stream["Name"] == {"Sub": f"${{AWS::StackName}}-{priority}"}
    assert stream["ShardCount"] == {"Ref": f"{prefix}JobStreamShardCount"}
    mapping = RESOURCES[f"{prefix}JobStreamMapping"]["Properties"]
    assert mapping["BatchSize"] == {"Ref": f"{prefix}KinesisBatchSize"}
    assert mapping["ParallelizationFactor"] == {"Ref": f"{prefix}KinesisParallelizationFactor"}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["MaximumRetryAttempts"] >= 0
    longest_h = TEMPLATE["Parameters"]["JobRecordRetentionHours"]["MinValue"]
    assert 0 < mapping["MaximumRecordAgeInSeconds"] <= longest_h * 3600
    assert "OnFailure" in mapping["DestinationConfig"]


def test_classes_are_those_of_jobs() -> None:
    assert set(CLASSES.values()) == set(PRIORITIES)


def test_the_definition_gets_what_it_asks_for() -> None:
    machine = RESOURCES["JobStateMachine"]["Properties"]
    asked = set(re.findall(r"\$\{(\w+)\}", DEFINITION.read_text()))
    assert asked == set(machine["DefinitionSubstitutions"])
    assert machine["DefinitionUri"] == DEFINITION.name


def test_backups_are_kept_for_35_days_and_nothing_travels_or_lies_in_the_clear() -> None:
    database = RESOURCES["Database"]["Properties"]
    assert database["BackupRetentionPeriod"] == 35
    assert database["StorageEncrypted"] is True
    assert RESOURCES["DatabaseProxy"]["Properties"]["RequireTLS"] is True
    for name, resource in RESOURCES.items():
        if resource["Type"] == "AWS::S3::Bucket":
            properties = resource["Properties"]
            assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
            assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
            statements = RESOURCES[f"{name}Policy"]["Properties"]["PolicyDocument"]["Statement"]
            assert statements[0]["Condition"] == {"Bool": {"aws:SecureTransport": False}}


def test_no_role_may_do_everything() -> None:
    for name, resource in RESOURCES.items():
        for statement in _statements(resource):
            actions = statement["Action"]
            for action in [actions] if isinstance(actions, str) else actions:
                assert "*" not in action or statement["Effect"] == "Deny", name
            if statement["Resource"] == "*":
                assert all(action.startswith("logs:") for action in actions), name


def test_who_works_with_uploads_is_let_into_their_quarantine() -> None:
    policy = RESOURCES["ObjectsPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    [quarantine] = [each for each in policy if each["Sid"] == "Quarantine"]
    let_in = str(quarantine["Condition"]["ArnNotLike"])
    for name in FUNCTIONS:
        deletes = any("DeleteObject" in str(each) for each in _statements(RESOURCES[name]))
        needs = deletes or name == "Initializer"
        assert needs == (f"{name}Role.Arn" in let_in), name


def _statements(of: Any) -> list[dict[str, Any]]:
    if isinstance(of, list):
        return [found for each in of for found in _statements(each)]
    if not isinstance(of, dict):
        return []
    own = [of] if "Effect" in of and "Resource" in of else []
    return own + [found for each in of.values() for found in _statements(each)]


def test_there_are_three_environments() -> None:
    config = tomllib.loads((FOLDER / "samconfig.toml").read_text())
    allowed = TEMPLATE["Parameters"]["Environment"]["AllowedValues"]
    for name, environment in zip(("default", "staging", "production"), allowed, strict=True):
        parameters = config[name]["deploy"]["parameters"]["parameter_overrides"]
        given = dict(parameter.split("=") for parameter in parameters)
        assert given["Environment"] == environment
        assert set(given) <= set(TEMPLATE["Parameters"])
        assert config[name]["global"]["parameters"]["stack_name"] == f"podium-{environment}"


def test_streams_forget_nothing_before_it_is_put_on_them_again() -> None:
    mapping = RESOURCES["JobStreamMapping"]["Properties"]
    assert Timing().silent_s < mapping["MaximumRecordAgeInSeconds"]
