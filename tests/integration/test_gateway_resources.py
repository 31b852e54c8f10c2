"""Pipelines as custom resources: served by every replica, judged, and told so in their status."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path

import aiohttp
import kubernetes_validate
import pytest
import yaml
from pydantic import BaseModel, Field

from podium.errors import SetupError
from podium.gateway.app import create_app
from podium.gateway.kubernetes import status as status_module
from podium.gateway.kubernetes.crd import _structural, as_yaml, custom_resource_definition
from podium.gateway.kubernetes.pipelines import PipelineResources
from podium.gateway.settings import GatewaySettings
from podium.kubernetes.api import KubernetesApi
from podium.pipelines.spec import SHIPPED, PipelineSpec, load_pipelines
from tests.support.api_server import LEASES, PIPELINES, ApiServer, served_to_here
from tests.support.service_thread import serving
from tests.support.waiting import until

CHART = Path(__file__).parent.parent.parent / "charts" / "podium-platform"


def spec(**detection):
    return {
        "detection": {"model": "blazepose-detector", **detection},
        "pose": {"stage": "pose3d", "model": "blazepose-landmark"},
    }


@pytest.fixture
async def server(monkeypatch, tmp_path) -> AsyncIterator[ApiServer]:
    monkeypatch.setattr(status_module, "_TICK_S", 0.05)
    async with served_to_here(monkeypatch, tmp_path) as server:
        yield server


@asynccontextmanager
async def followed() -> AsyncIterator[dict[str, int]]:
    """The strides of the pipelines that are served."""
    served: dict[str, int] = {}

    def serve(pipelines):
        served.clear()
        served.update({name: p.spec.detection.stride for name, p in pipelines.items()})

    async with KubernetesApi() as api:
        task = asyncio.create_task(PipelineResources(api, serve).run())
        try:
            yield served
        finally:
            task.cancel()
            await asyncio.wait([task])


def condition(server, name):
    status = server.get(PIPELINES, name).get("status", {})
    (found,) = status.get("conditions", [{}])
    return found


async def test_the_life_of_a_pipeline(server):
    async with followed() as served:
        server.put(PIPELINES, "sprint", spec=spec(stride=2))
        await until(lambda: served == {"sprint": 2})
        await until(lambda: condition(server, "sprint").get("status") == "True")
        accepted = condition(server, "sprint")
        assert accepted["reason"] == "Accepted"
        assert server.get(PIPELINES, "sprint")["status"]["observedGeneration"] == 1
        assert datetime.fromisoformat(accepted["lastTransitionTime"]).utcoffset() is not None

        server.put(PIPELINES, "sprint", spec=spec(stride=3))
        await until(lambda: served == {"sprint": 3})
        await until(lambda: condition(server, "sprint")["observedGeneration"] == 2)
        since = condition(server, "sprint")["lastTransitionTime"]
        assert since == accepted["lastTransitionTime"]  # it was True all along

        server.put(PIPELINES, "sprint", spec=spec(stride=0))
        await until(lambda: condition(server, "sprint")["status"] == "False")
        refused = condition(server, "sprint")
        assert refused["reason"] == "InvalidSpec"
        assert refused["message"] == (
            "spec.detection.stride: must be greater than or equal to 1, not 0. "
            "Generation 2 is served on."
        )
        assert refused["observedGeneration"] == 3
        assert served == {"sprint": 3}
        server.put(PIPELINES, "sprint", spec=spec(strid=4))
        await until(lambda: "spec.detection.strid:" in condition(server, "sprint")["message"])
        assert "Generation 2 is served on" in condition(server, "sprint")["message"]

        server.put(PIPELINES, "sprint", spec=spec(stride=5))
        await until(lambda: served == {"sprint": 5})
        await until(lambda: condition(server, "sprint")["status"] == "True")
        server.put(PIPELINES, "sprint", spec=spec(stride=-1))
        server.delete(PIPELINES, "sprint")
        await until(lambda: served == {})

        server.put(PIPELINES, "sprint", spec=spec(stride=-1))  # nothing good to go on with
        await until(lambda: condition(server, "sprint").get("status") == "False")
        assert condition(server, "sprint")["message"].endswith("not -1.")
        assert served == {}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (None, "spec: "),
        ("text", "spec: "),
        ([], "spec: "),
        ({}, "spec.detection: is missing"),
        ({**spec(), "athletes": {"select": "nearest:1"}}, "spec.athletes.select: "),
        ({**spec(), "extra": {"a": [{}] * 1000}}, "spec.extra: "),
    ],
)
async def test_no_spec_is_too_wrong(server, wrong, says):
    async with followed() as served:
        server.put(PIPELINES, "good", spec=spec())
        server.put(PIPELINES, "wrong", spec=wrong)
        await until(lambda: condition(server, "wrong").get("status") == "False")
        assert condition(server, "wrong")["message"].startswith(says)
        assert served == {"good": 4}


async def test_names_that_are_no_part_of_an_endpoint(server):
    async with followed() as served:
        server.put(PIPELINES, "a.b", spec=spec())
        await until(lambda: condition(server, "a.b").get("status") == "False")
        assert condition(server, "a.b")["message"].startswith("metadata.name: ")
        assert served == {}


async def test_a_status_is_written_once_and_by_apply(server):
    server.put(PIPELINES, "sprint", spec=spec())
    async with followed():
        await until(lambda: condition(server, "sprint").get("status") == "True")
        server.put(PIPELINES, "sprint", metadata={"labels": {"team": "a"}}, spec=spec())
        server.put(PIPELINES, "late", spec=spec())
        await until(lambda: condition(server, "late").get("status") == "True")
    written = [w for w in server.written if w[0].endswith("/sprint/status")]
    ((_, query, body),) = written
    assert query == {"fieldManager": "podium-gateway", "force": "true"}
    assert body["metadata"]["uid"] == server.get(PIPELINES, "sprint")["metadata"]["uid"]
    assert set(body) == {"apiVersion", "kind", "metadata", "status"}
    async with followed() as served:  # a replica that starts finds it right
        await until(lambda: len(served) == 2)
        await until(lambda: server.get(LEASES, "podium-pipelines")["spec"]["holderIdentity"])
        await asyncio.sleep(0.2)
    assert [w for w in server.written if w[0].endswith("/sprint/status")] == written


@pytest.mark.parametrize(
    "status",
    [
        None,
        {"conditions": None},
        {"conditions": [{"type": "Other", "status": "True"}]},
        {"observedGeneration": 1, "conditions": [{"type": "Accepted", "status": "True"}]},
        {"conditions": [{"type": "Accepted", "status": "False"}] * 2},
    ],
)
async def test_whatever_the_status_was_it_becomes_right(server, status):
    server.put(PIPELINES, "sprint", spec=spec(), status=status)
    async with followed():
        await until(lambda: server.written and len(server.written[-1][2].get("status", {})))
    ((_, _, body),) = [w for w in server.written if w[0].endswith("/status")]
    (accepted,) = body["status"]["conditions"]
    assert accepted["status"] == "True"
    assert accepted["observedGeneration"] == body["status"]["observedGeneration"] == 1
    assert datetime.fromisoformat(accepted["lastTransitionTime"])


async def test_only_the_holder_of_the_lease_writes(server):
    other = {"holderIdentity": "another", "leaseDurationSeconds": 3600}
    server.put(LEASES, "podium-pipelines", spec=other)
    async with followed() as served:
        server.put(PIPELINES, "sprint", spec=spec())
        await until(lambda: "sprint" in served)
        await asyncio.sleep(0.3)
    assert server.written == []


async def test_a_refused_status_hinders_nothing(server, caplog):
    server.refuse = {"patch": 403}
    async with followed() as served:
        server.put(PIPELINES, "sprint", spec=spec())
        await until(lambda: served == {"sprint": 4})
        await until(lambda: "statuses of pipelines cannot be written" in caplog.text)
        server.put(PIPELINES, "sprint", spec=spec(stride=2))
        await until(lambda: served == {"sprint": 2})


async def test_every_replica_of_the_gateway_serves_it(server, tmp_path):
    """Its endpoint, its OIP model, and again what a file says once it is deleted."""
    server.put(PIPELINES, "early", spec=spec())
    settings = GatewaySettings(watch_pipelines=True)
    async with AsyncExitStack() as stack, aiohttp.ClientSession() as session:
        urls = []
        for _ in range(2):
            replica = serving(create_app(settings))
            urls.append(await asyncio.to_thread(replica.__enter__))
            stack.push_async_callback(asyncio.to_thread, replica.__exit__, None, None, None)

        async def read(url, path):
            async with session.get(url + path) as response:
                return response.status, await response.text()

        async def eventually_on_all(path, status, text=""):
            for url in urls:
                async with asyncio.timeout(60):
                    while True:
                        found = await read(url, path)
                        if found[0] == status and text in found[1]:
                            break
                        await asyncio.sleep(0.02)

        for url in urls:  # no replica takes requests before it knows what there is
            assert (await read(url, "/v1/pipelines/early"))[0] == 200
        server.put(PIPELINES, "sprint", spec=spec(stride=7))
        await eventually_on_all("/v1/pipelines/sprint", 200, '"stride":7')
        await eventually_on_all("/v2/models/sprint", 200, "keypoints_3d")
        flat = {**spec(), "pose": {"stage": "pose2d", "model": "blazepose-landmark"}}
        server.put(PIPELINES, "sprint", spec=flat)
        await eventually_on_all("/v1/pipelines/sprint", 200, '"pose2d"')
        for url in urls:
            assert "keypoints_3d" not in (await read(url, "/v2/models/sprint"))[1]
        server.put(PIPELINES, "sprint", spec=spec(stride=0))
        server.put(PIPELINES, "pose-2d", spec=spec(stride=9))
        await eventually_on_all("/v1/pipelines/pose-2d", 200, '"stride":9')
        server.delete(PIPELINES, "pose-2d")
        server.delete(PIPELINES, "sprint")
        await eventually_on_all("/v1/pipelines/pose-2d", 200, '"stride":4')
        await eventually_on_all("/v1/pipelines/sprint", 404)
        await eventually_on_all("/v2/models/sprint", 404)

        server.refuse = {"watch": 500, "list": 500}
        server.cut_streams()
        for url in urls:
            assert (await read(url, "/v1/pipelines/early"))[0] == 200
            metrics = (await read(url, "/metrics"))[1]
            (age,) = re.findall(r"^podium_pipeline_watch_age_seconds (\S+)$", metrics, re.M)
            assert 0 <= float(age) < 60


def test_outside_a_cluster_the_gateway_says_what_it_lacks(monkeypatch, tmp_path):
    monkeypatch.delenv("KUBECONFIG", raising=False)
    with pytest.raises(SetupError, match="PODIUM_GATEWAY_WATCH_PIPELINES needs a cluster"):
        create_app(GatewaySettings(watch_pipelines=True, service_account=tmp_path))
    monkeypatch.setitem(sys.modules, "kubernetes.aio.client", None)
    with pytest.raises(SetupError, match=r"PODIUM_GATEWAY_WATCH_PIPELINES.*'podium\[kubernetes\]'"):
        create_app(GatewaySettings(watch_pipelines=True))
    create_app(GatewaySettings())  # nobody asked


def test_the_definition_in_the_chart_is_made_of_the_schema():
    path = CHART / "files" / "crds" / "pipelines.podium.dev.yaml"
    assert path.read_text() == as_yaml(), f"python -m podium.gateway.kubernetes.crd > {path}"


def test_fields_that_may_be_left_out():
    class Inner(BaseModel):
        """An inner step."""

        count: int | None = Field(default=None, ge=1)
        wait_ms: float = Field(default=5, gt=0)

    class Outer(BaseModel):
        inner: Inner | None = None

    class Either(BaseModel):
        value: int | str

    schema = Outer.model_json_schema()
    assert _structural(schema, schema["$defs"])["properties"]["inner"] == {
        "type": "object",
        "description": "An inner step.",
        "properties": {
            "count": {"type": "integer", "minimum": 1},
            "wait_ms": {"type": "number", "default": 5, "minimum": 0, "exclusiveMinimum": True},
        },
    }
    with pytest.raises(ValueError, match="one type"):
        _structural(Either.model_json_schema(), {})


@pytest.mark.parametrize("version", ["1.34", "1.35", "1.36"])
def test_the_definition_is_one(version):
    kubernetes_validate.validate(custom_resource_definition(), version, strict=True)


def test_the_definition_is_structural_and_has_the_defaults():
    (version,) = custom_resource_definition()["spec"]["versions"]
    document = version["schema"]["openAPIV3Schema"]

    def walk(schema, path):
        assert schema["type"], path
        assert not {"$ref", "anyOf", "additionalProperties", "title"} & schema.keys(), path
        for rule in schema.get("x-kubernetes-validations", ()):
            assert schema["type"] == "object" or schema["maxLength"], "else it costs too much"
            assert rule["message"], path
        for name, part in schema.get("properties", {}).items():
            walk(part, f"{path}.{name}")
        if schema["type"] == "array":
            walk(schema["items"], f"{path}[]")

    walk(document, "")
    steps = document["properties"]["spec"]["properties"]
    defaults = {
        step: {k: v["default"] for k, v in schema["properties"].items() if "default" in v}
        for step, schema in steps.items()
        if "properties" in schema
    }
    least = PipelineSpec.model_validate(spec() | {"underPressure": {}})
    least = least.model_dump(mode="json", by_alias=True)
    for step, values in defaults.items():
        assert values.items() <= least[step].items()
    assert steps["athletes"]["default"] == least["athletes"]


def test_shipped_pipelines_could_be_custom_resources():
    """What the API server would drop or refuse is not in them."""
    (version,) = custom_resource_definition()["spec"]["versions"]
    known = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    for pipeline in load_pipelines([SHIPPED]).values():
        dumped = yaml.safe_load(pipeline.model_dump_json(by_alias=True))["spec"]
        assert dumped.keys() <= known.keys()
        for step in ("detection", "pose", "athletes"):
            for field, value in dumped[step].items():
                schema = known[step]["properties"][field]
                for rule in schema.get("x-kubernetes-validations", ()):
                    pattern = re.fullmatch(r"self\.matches\(r'(.*)'\)", rule["rule"])
                    assert pattern is not None
                    assert re.search(pattern[1], value)
