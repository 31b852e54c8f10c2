"""Which environment variables set what, and which names are refused."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import ValidationError, model_validator

from podium.decode.settings import DecodeSettings
from podium.environment import (
    NOT_OF_THE_API,
    Group,
    Settings,
    check_names,
    explain_settings,
    variables,
)
from podium.errors import SetupError
from podium.gateway.settings import GatewaySettings
from podium.local.settings import SERVICES, settings_of
from podium.local.sizing import sized_for
from podium.local.stack import Stack
from podium.postprocess.settings import PostprocessSettings

ALL = [settings_of(service) for service in SERVICES]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in os.environ:
        if name.startswith("PODIUM_"):
            monkeypatch.delenv(name)


def test_one_name_sets_one_service(monkeypatch):
    monkeypatch.setenv("PODIUM_DECODE_MAX_FRAMES", "7")
    monkeypatch.setenv("PODIUM_GATEWAY_MAX_FRAMES", "8")
    assert DecodeSettings().max_frames == 7
    assert GatewaySettings().max_frames == 8
    assert PostprocessSettings().max_frames == 216_000


def test_the_name_with_the_service_goes_before_that_for_all(monkeypatch):
    monkeypatch.setenv("PODIUM_LOG_LEVEL", "warning")
    monkeypatch.setenv("PODIUM_GATEWAY_LOG_LEVEL", "debug")
    monkeypatch.setenv("PODIUM_OBJECTS_READ_ROOTS", "/data,/mnt/clips")
    monkeypatch.setenv("PODIUM_OBJECTS_S3_REGION", "eu-west-1")
    monkeypatch.setenv("PODIUM_POSTPROCESS_OBJECTS_READ_ROOTS", "/results")
    monkeypatch.setenv("PODIUM_PROVIDER", "cuda")
    monkeypatch.setenv("PODIUM_POSE2D_PROVIDER", "cpu")
    monkeypatch.setenv("PODIUM_MODELS_SERVE", "a,b@2")
    assert [kind().log_level for kind in ALL] == ["debug"] + ["warning"] * 5
    assert DecodeSettings().objects.read_roots == (Path("/data"), Path("/mnt/clips"))
    assert PostprocessSettings().objects.read_roots == (Path("/results"),)
    assert PostprocessSettings().objects.s3_region == "eu-west-1"
    assert settings_of("pose2d")().provider == "cpu"
    assert settings_of("pose3d")().provider == "cuda"
    assert settings_of("pose3d")().repository.serve == ("a", "b@2")


def test_the_constructor_goes_before_the_environment(monkeypatch):
    monkeypatch.setenv("PODIUM_DECODE_WORKERS", "3")
    assert DecodeSettings(workers=4).workers == 4
    assert DecodeSettings(threads=2).workers == 3


def test_no_variable_sets_two_fields():
    own = [variable.own for kind in ALL for variable in variables(kind)]
    assert len(own) == len(set(own))
    common: dict[str, set[tuple[str, ...]]] = {}
    for kind in ALL:
        for variable in variables(kind):
            if variable.common:
                common.setdefault(variable.common, set()).add(variable.path)
    assert all(len(paths) == 1 for paths in common.values())
    assert not set(common) & set(own)


BEFORE = [
    *("WORKERS", "THREADS", "MAX_FRAMES", "MAX_PIXELS", "MAX_BATCH", "MAX_DELAY_MS"),
    *("MAX_QUEUE_ROWS", "MAX_QUEUE_BYTES", "MAX_CHUNKS", "CHUNK_FRAMES", "OVERLAP", "PIPELINES"),
    *("WATCH_PIPELINES", "NAMESPACE", "SERVICE_ACCOUNT", "ZONE", "STAGE_TIMEOUT_S", "ADDRESS"),
    *("POSTPROCESS_TIMEOUT_S", "DECODE_URL", "POSE2D_URL", "POSTPROCESS_URL", "MAX_MEDIA_BYTES"),
    *("MAX_DURATION_S", "MAX_BATCH_BYTES", "MAX_IMAGES_BYTES", "STORE_BYTES", "STORE_TTL_S"),
]
"""What did not say whose it was, without ``PODIUM_``."""


@pytest.mark.parametrize("name", BEFORE)
def test_a_name_without_its_service_is_an_error_that_has_the_new_one(name):
    with pytest.raises(SetupError) as caught:
        check_names(ALL, {f"PODIUM_{name}": "1"})
    said, new = caught.value.message.split(" does not say which service: use ")
    assert said == f"PODIUM_{name}"
    known = {variable.own for kind in ALL for variable in variables(kind)}
    pattern = re.compile(rf"PODIUM_[A-Z0-9]+_{name}")
    assert set(new.split(" or ")) == {each for each in known if pattern.fullmatch(each)}


def test_a_service_refuses_its_own_alone():
    check_names([GatewaySettings], {"PODIUM_WORKERS": "1", "PODIUM_DECODE_WORKERS": "1"})
    with pytest.raises(SetupError, match=r"PODIUM_WORKERS .* PODIUM_DECODE_WORKERS$"):
        check_names([DecodeSettings], {"PODIUM_WORKERS": "1"})


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("PODIUM_DECODE_WORKRES", "is no setting; did you mean PODIUM_DECODE_WORKERS?"),
        ("PODIUM_GATEWAY_WORKERS", "is no setting"),
        ("PODIUM_DECODE_XYZZY_QUUX_PLUGH", "is no setting; see `podium settings`"),
        ("PODIUM_POSE2D_MODELS_SREVE", "did you mean PODIUM_POSE2D_MODELS_SERVE"),
    ],
)
def test_a_name_of_a_service_that_is_no_setting_is_an_error(name, says):
    with pytest.raises(SetupError, match=f"^{name} ") as caught:
        check_names(ALL, {name: "1"})
    assert says in caught.value.message


def test_variables_of_others_are_left_alone():
    check_names(
        ALL,
        dict.fromkeys(
            [
                *NOT_OF_THE_API,
                "PODIUM_REGISTRY",
                "PODIUM_CLUSTER_CACHE",
                "PODIUM_MODELS_MIRROR",
                "PATH",
            ],
            "1",
        ),
    )


def test_a_wrong_value_is_named_as_it_was_given(monkeypatch):
    class Box(Group):
        word: ClassVar[str] = "BOX"
        low: int = 0
        high: int = 9

        @model_validator(mode="after")
        def _ordered(self):
            if self.low > self.high:
                raise ValueError("LOW must be at most HIGH")
            return self

    class Wrong(Settings):
        service: ClassVar[str] = "wrong"
        common: ClassVar[frozenset[str]] = frozenset({"depth"})
        depth: int = 1
        box: Box = Box()

    def said(**environment):
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            try:
                Wrong()
            except ValidationError as error:
                return explain_settings(error, Wrong)

    assert said(PODIUM_DEPTH="x").startswith("PODIUM_DEPTH: must be a valid integer")
    assert said(PODIUM_WRONG_DEPTH="x", PODIUM_DEPTH="2").startswith("PODIUM_WRONG_DEPTH: ")
    assert said(PODIUM_WRONG_BOX_LOW="x").startswith("PODIUM_WRONG_BOX_LOW: ")
    assert said(PODIUM_BOX_LOW="10") == "PODIUM_BOX: LOW must be at most HIGH"


def test_a_stack_names_the_new_one_before_it_starts_anything(tmp_path, monkeypatch):
    monkeypatch.setenv("PODIUM_MAX_FRAMES", "200")
    stack = Stack(models=tmp_path)
    with pytest.raises(SetupError, match="PODIUM_GATEWAY_MAX_FRAMES or PODIUM_DECODE_MAX_FRAMES"):
        stack.__enter__()
    assert stack.processes == []


def test_one_environment_for_all_services_of_a_stack(tmp_path, monkeypatch):
    monkeypatch.setenv("PODIUM_POSTPROCESS_WORKERS", "5")
    for name, value in Stack(models=tmp_path, read_roots=[tmp_path]).environment.items():
        monkeypatch.setenv(name, value)
    settings = {service: settings_of(service)() for service in SERVICES}
    processors = os.cpu_count()
    for service in ("decode", "detection", "pose2d", "pose3d"):
        assert settings[service].workers == processors, service
    assert settings["postprocess"].workers == 5
    assert "PODIUM_POSTPROCESS_WORKERS" not in sized_for(8, {})  # one video at a time
    assert settings["gateway"].max_chunks == 3 * processors
    assert settings["decode"].objects.read_roots == (tmp_path,)
    assert settings["decode"].objects.write_roots == ()
