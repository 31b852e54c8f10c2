"""Three gateways follow the Pipelines of a cluster, with the credentials that the chart gives."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.cluster import Cluster, CommandFailed, Object, eventually
from tests.cluster.gateways import LEASE_S, NAMESPACE, RECONNECT_S, Gateways
from tests.cluster.releases import CRD
from tests.support.http_calls import post


@pytest.fixture
def pipeline(cluster: Cluster, namespace: str) -> Iterator[str]:
    """A name that no Pipeline has before or after the test."""
    name = "sprint"
    yield name
    cluster.kubectl("delete", "pipeline", name, f"-n={namespace}", "--ignore-not-found")


def document(name: str, **detection: Any) -> Object:
    return {
        "apiVersion": "podium.dev/v1alpha1",
        "kind": "Pipeline",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "detection": {"model": "blazepose-detector", **detection},
            "pose": {"stage": "pose3d", "model": "blazepose-landmark"},
        },
    }


def apply(cluster: Cluster, name: str, **detection: Any) -> None:
    """``kubectl apply -f``, as people do it."""
    cluster.kubectl("apply", "-f=-", stdin=document(name, **detection))


def accepted(cluster: Cluster, name: str) -> Object:
    """The condition, with the generation that the status is about."""
    found = cluster.get("pipeline", name, f"-n={NAMESPACE}")
    status = found.get("status", {})
    (condition,) = status.get("conditions", [{"status": "missing"}])
    return {
        **condition,
        "current": found["metadata"]["generation"]
        == status.get("observedGeneration")
        == condition.get("observedGeneration"),
    }


def becomes(cluster: Cluster, name: str, status: str) -> Object:
    def read() -> Object | None:
        condition = accepted(cluster, name)
        return condition if condition["current"] and condition["status"] == status else None

    condition = eventually(read, within_s=LEASE_S * 2)
    assert condition, accepted(cluster, name)
    return condition


def test_created_changed_and_deleted(
    cluster: Cluster, gateways: Gateways, pipeline: str, clip: Path
) -> None:
    path = f"/v1/pipelines/{pipeline}"
    assert gateways.read(path) == ["404"] * 3
    started = time.monotonic()
    apply(cluster, pipeline, stride=2)
    assert gateways.all_say(path, '"stride":2')
    print(f"\n{time.monotonic() - started:.2f} s from kubectl apply to three endpoints")
    for process in gateways.processes:
        status, answer = post(f"{process.url}{path}?count=2", clip.read_bytes(), "video/mp4")
        assert status == 200
        assert [frame["status"] for frame in answer["frames"]] == ["ok", "ok"]
    becomes(cluster, pipeline, "True")
    columns = cluster.kubectl("get", "pipeline", pipeline, f"-n={NAMESPACE}").splitlines()
    assert columns[0].split() == ["NAME", "DETECTOR", "POSE", "ACCEPTED", "AGE"]
    assert columns[1].split()[:4] == [pipeline, "blazepose-detector", "blazepose-landmark", "True"]

    apply(cluster, pipeline, stride=3)
    assert gateways.all_say(path, '"stride":3')
    assert becomes(cluster, pipeline, "True")["observedGeneration"] == 2
    cluster.kubectl("delete", "pipeline", pipeline, f"-n={NAMESPACE}")
    assert gateways.all_say(path, "404")
    assert gateways.all_say(f"/v2/models/{pipeline}", "404")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"stride": 0}, r"spec.detection.stride: Invalid value: 0.*greater than or equal to 1"),
        ({"strid": 4}, r'unknown field "spec.detection.strid"'),
        ({"tiles": "maybe"}, r'spec.detection.tiles: Unsupported value: "maybe"'),
        ({"model": "../etc"}, r"spec.detection.model: .*Detector, `name` or `name@version`"),
        ({"model": None}, r"spec.detection.model: Required value"),
    ],
)
def test_the_api_server_refuses_what_the_schema_does_not_allow(
    cluster: Cluster, namespace: str, pipeline: str, change: dict[str, Any], says: str
) -> None:
    with pytest.raises(CommandFailed, match=says):
        apply(cluster, pipeline, **change)


def test_names_and_rules_are_checked_by_the_api_server(cluster: Cluster, namespace: str) -> None:
    with pytest.raises(CommandFailed, match=r"metadata.name is a part of the endpoint"):
        apply(cluster, "a.b")
    wrong = document("wrong")
    wrong["spec"]["athletes"] = {"select": "fastest"}
    with pytest.raises(CommandFailed, match=r"all, largest, longest, most_displacement or nearest"):
        cluster.kubectl("apply", "-f=-", stdin=wrong)
    wrong["spec"]["athletes"] = {"select": "nearest:640,-3.5"}
    cluster.kubectl("apply", "--dry-run=server", "-f=-", stdin=wrong)


def test_a_wrong_spec_is_told_and_the_last_good_one_is_served_on(
    own: Cluster, gateways: Gateways, pipeline: str
) -> None:
    """A definition of another version lets through what these gateways do not understand."""
    path = f"/v1/pipelines/{pipeline}"
    apply(own, pipeline, stride=2)
    assert gateways.all_say(path, '"stride":2')
    with _lenient_definition(own):
        apply(own, "other", stride=5)
        assert gateways.all_say("/v1/pipelines/other", '"stride":5', within_s=RECONNECT_S)
        apply(own, pipeline, stride=2, method="guess")
        condition = becomes(own, pipeline, "False")
        assert condition["reason"] == "InvalidSpec"
        assert condition["message"].startswith("spec.detection.method: is not known")
        assert condition["message"].endswith("Generation 1 is served on.")
        assert gateways.all_say(path, '"stride":2')
        own.kubectl("delete", "pipeline", "other", f"-n={NAMESPACE}")
        assert gateways.all_say("/v1/pipelines/other", "404")
        apply(own, pipeline, stride=6)
        assert gateways.all_say(path, '"stride":6')
        becomes(own, pipeline, "True")


@contextmanager
def _lenient_definition(cluster: Cluster) -> Iterator[None]:
    assert cluster.control_plane is not None
    document: Object = yaml.safe_load(CRD.read_text())
    properties = document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    properties["spec"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    cluster.kubectl("replace", "-f=-", stdin=document)
    try:
        # Streams that are open go on with the old definition for minutes.
        cluster.control_plane.stop_api_server()
        cluster.control_plane.start_api_server()
        assert eventually(lambda: _dry_run_is_accepted(cluster), within_s=20)
        yield
    finally:
        cluster.kubectl("replace", f"-f={CRD}")


def _dry_run_is_accepted(cluster: Cluster) -> bool:
    try:
        wrong = document("probe", method="guess")
        cluster.kubectl("apply", "--dry-run=server", "-f=-", stdin=wrong)
    except CommandFailed:
        return False
    return True


def test_an_api_server_that_restarts_and_has_forgotten(
    own: Cluster, gateways: Gateways, pipeline: str
) -> None:
    assert own.control_plane is not None
    path = f"/v1/pipelines/{pipeline}"
    apply(own, pipeline, stride=2)
    assert gateways.all_say(path, '"stride":2')
    own.control_plane.stop_api_server()
    try:
        assert eventually(lambda: min(gateways.ages_s()) > 1, within_s=10)
        assert gateways.all_say(path, '"stride":2')
        _signal(gateways, signal.SIGSTOP)  # what follows, they miss
    finally:
        own.control_plane.start_api_server()
    apply(own, pipeline, stride=3)
    _forget_history(own)
    own.control_plane.stop_api_server()
    own.control_plane.start_api_server()
    _signal(gateways, signal.SIGCONT)
    assert gateways.all_say(path, '"stride":3', within_s=RECONNECT_S)
    for log in gateways.logs:
        assert any("too old resource version" in line for line in log)
    assert max(gateways.ages_s()) < RECONNECT_S
    apply(own, pipeline, stride=4)
    assert gateways.all_say(path, '"stride":4')
    becomes(own, pipeline, "True")


def _signal(gateways: Gateways, number: signal.Signals) -> None:
    for process in gateways.processes:
        os.kill(process.pid, number)


def _forget_history(cluster: Cluster) -> None:
    """Have etcd drop all but the present, as the API server has it do every five minutes."""
    assert cluster.control_plane is not None
    etcd = f"http://127.0.0.1:{cluster.control_plane._etcd_port}/v3/kv"
    headers = {"content-type": "application/json"}

    def call(path: str, body: Object) -> Object:
        request = urllib.request.Request(f"{etcd}/{path}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=10) as response:
            answer: Object = json.load(response)
            return answer

    revision = call("range", {"key": "AA=="})["header"]["revision"]
    call("compaction", {"revision": revision, "physical": True})


def test_one_replica_writes_the_status_and_another_when_it_is_gone(
    cluster: Cluster, gateways: Gateways, pipeline: str
) -> None:
    apply(cluster, pipeline)
    becomes(cluster, pipeline, "True")
    written = cluster.get("pipeline", pipeline, f"-n={NAMESPACE}", "--show-managed-fields")
    managers = [
        (each["manager"], each["operation"])
        for each in written["metadata"]["managedFields"]
        if each.get("subresource") == "status"
    ]
    assert managers == [("podium-gateway", "Apply")]

    first = _holder(cluster)
    gateways.processes[gateways.writer(first)].kill()
    assert eventually(lambda: _holder(cluster) not in ("", first), within_s=LEASE_S * 3)
    assert gateways.writer(_holder(cluster)) != gateways.writer(first)
    unchanged = cluster.get("pipeline", pipeline, f"-n={NAMESPACE}")["metadata"]
    assert unchanged["resourceVersion"] == written["metadata"]["resourceVersion"]
    apply(cluster, pipeline, stride=9)
    becomes(cluster, pipeline, "True")


def _holder(cluster: Cluster) -> str:
    lease = cluster.get("lease", "podium-pipelines", f"-n={NAMESPACE}")
    identity: str = lease["spec"]["holderIdentity"]
    return identity
