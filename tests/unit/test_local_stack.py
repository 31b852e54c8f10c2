"""How services on one machine are sized, which ports they get, and how long they are waited for."""

import os
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import create_autospec

import pytest

from podium.decode.settings import DecodeSettings
from podium.local import stack as local_stack
from podium.local.service_process import ServiceProcess
from podium.local.settings import JOB_SERVICES, SERVICES
from podium.local.sizing import sized_for
from podium.local.stack import Stack, free_ports, ports_from
from podium.serving.http.settings import ServiceSettings


@pytest.mark.parametrize("drain_s", [None, "0.5", "60"])
def test_a_stack_waits_longer_than_its_services_drain(
    drain_s: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if drain_s is None:
        monkeypatch.delenv("PODIUM_DRAIN_S", raising=False)
    else:
        monkeypatch.setenv("PODIUM_DRAIN_S", drain_s)
    monkeypatch.setattr(local_stack, "time", SimpleNamespace(monotonic=lambda: 0.0))
    stack, process = Stack(), create_autospec(ServiceProcess)
    process.name = "gateway"
    stack.processes = [process]
    stack.stop()
    waited_s = process.wait.call_args_list[0].args[0]
    assert ServiceSettings().drain_s < waited_s < ServiceSettings().drain_s + 10


def test_ports_follow_the_gateway() -> None:
    assert ports_from(8000) == dict(zip((*SERVICES, *JOB_SERVICES), range(8000, 8008), strict=True))
    assert len(set(free_ports().values())) == len(SERVICES) + len(JOB_SERVICES)


@pytest.mark.parametrize("processors", [1, 2, 64])
@pytest.mark.parametrize(
    "own",
    [
        {},
        {"PODIUM_DECODE_MAX_BATCH_BYTES": str(256 << 20)},
        {"PODIUM_DECODE_STORE_BYTES": str(256 << 20)},
        {"PODIUM_DECODE_MAX_PIXELS": "60000000"},
        {"PODIUM_DECODE_MAX_BATCH_BYTES": "1000000", "PODIUM_DECODE_STORE_BYTES": "1000000"},
    ],
)
def test_services_are_sized_so_that_a_frame_and_a_batch_fit(
    own: dict[str, str], processors: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "PODIUM_DECODE_MAX_BATCH_BYTES",
        "PODIUM_DECODE_STORE_BYTES",
        "PODIUM_DECODE_MAX_PIXELS",
    ):
        monkeypatch.delenv(name, raising=False)
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    for name, value in sized_for(processors, os.environ).items():
        monkeypatch.setenv(name, value)
    decode = DecodeSettings()  # raises when a batch does not fit into the store
    assert {name: os.environ[name] for name in own} == own
    if "PODIUM_DECODE_MAX_BATCH_BYTES" not in own:
        assert decode.max_batch_bytes >= 3 * decode.max_pixels


def test_allocator_settings_of_the_environment_go_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1234")
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    environment = Stack(models=tmp_path).environment
    assert environment["MALLOC_TRIM_THRESHOLD_"] == "1234"
    assert environment["MALLOC_ARENA_MAX"] == "1"
    assert environment["GLIBC_TUNABLES"] == "glibc.malloc.hugetlb=1"
