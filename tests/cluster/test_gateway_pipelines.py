"""Three gateways follow the Pipelines of a cluster, with the credentials that the chart gives."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from podium.cli.service_process import ServiceProcess
from podium.cli.stack import Stack, free_ports
from tests.cluster.cluster import Cluster, CommandFailed, Object, eventually
from tests.cluster.releases import CHARTS
from tests.http_calls import post

NAMESPACE = "podium-pipelines"
RELEASE = "podium-club"
LEASE_S = 15.0
RECONNECT_S = 40.0  # the longest wait between attempts, and some
CRD = CHARTS / "podium-platform" / "files" / "crds" / "pipelines.podium.dev.yaml"


class Gateways:
    """Replicas of the gateway as processes beside the cluster."""

    def __init__(self, processes: list[ServiceProcess]) -> None:
        self.processes = processes
        self.logs: list[list[str]] = []  # of each

    def read(self, path: str) -> list[str]:
        """What each replica that runs answers; errors as their status."""
        return [_read(p.url + path) for p in self.processes if p.exit_code is None]

    def all_say(self, path: str, text: str, *, within_s: float = 2.0) -> bool:
        """Whether the answer of every replica has the text in it, soon."""
        return eventually(
            lambda: all(text in answer for answer in self.read(path)),
            within_s=within_s,
            period_s=0.05,
        )

    def writer(self, identity: str) -> int:
        """Which replica holds the Lease under that name."""
        said = f"held by this process, {identity}"
        (index,) = [i for i, log in enumerate(self.logs) if any(said in line for line in log)]
        return index

    def ages_s(self) -> list[float]:
        """How long ago the API server last confirmed what they know."""
        name = "podium_pipeline_watch_age_seconds"
        return [
            float(re.findall(rf"^{name} (\S+)$", metrics, re.M)[0])
            for metrics in self.read("/metrics")
        ]


def _read(url: str) -> str:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request("GET", parts.path)
        response = connection.getresponse()
        text = response.read().decode()
        return text if response.status == http.HTTPStatus.OK else str(response.status)
    finally:
        connection.close()


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace with the service account and the rights that the chart gives a gateway."""
    document: Object = yaml.safe_load(CRD.read_text())
    name = document["metadata"]["name"]
    mine = not cluster.kubectl("get", "crd", name, "--ignore-not-found")
    if mine:
        cluster.apply(document)
    cluster.kubectl("wait", f"crd/{name}", "--for=condition=Established", "--timeout=30s")
    with cluster.namespace(NAMESPACE):
        rendered = cluster.helm(
            "template",
            RELEASE,
            str(CHARTS / "podium"),
            f"--namespace={NAMESPACE}",
            "--show-only=templates/serviceaccounts.yaml",
        )
        for each in yaml.safe_load_all(rendered):
            if each and each["metadata"]["name"] == f"{RELEASE}-gateway":
                cluster.apply(each)
        yield NAMESPACE
    if mine:
        cluster.kubectl("delete", "crd", name, "--timeout=60s")


@pytest.fixture(scope="module")
def service_account(
    cluster: Cluster, namespace: str, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder that the kubelet mounts into a pod of the gateway."""
    folder = tmp_path_factory.mktemp("serviceaccount")
    account = f"{RELEASE}-gateway"
    in_namespace = f"--namespace={namespace}"
    token = cluster.kubectl("create", "token", account, in_namespace, "--duration=1h")
    (folder / "token").write_text(token.strip())
    published = eventually(
        lambda: cluster.kubectl(
            "get", "configmap", "kube-root-ca.crt", in_namespace, "--ignore-not-found", "-o=json"
        ),
        within_s=30,
    )
    (folder / "ca.crt").write_text(json.loads(published)["data"]["ca.crt"])
    (folder / "namespace").write_text(namespace)
    return folder


@contextmanager
def running(
    cluster: Cluster, service_account: Path, stages: Stack, count: int
) -> Iterator[Gateways]:
    """Gateways that are ready, while the block runs."""
    server = urlsplit(
        json.loads(cluster.kubectl("config", "view", "--minify", "-o=json"))["clusters"][0][
            "cluster"
        ]["server"]
    )
    environment = {
        "KUBERNETES_SERVICE_HOST": server.hostname or "",
        "KUBERNETES_SERVICE_PORT": str(server.port or 443),
        "PODIUM_SERVICE_ACCOUNT": str(service_account),
        "PODIUM_WATCH_PIPELINES": "true",
        "PODIUM_LOG_LEVEL": "debug",
        "NO_PROXY": "*",
        **{f"PODIUM_{s.upper()}_URL": url for s, url in stages.urls.items() if s != "gateway"},
        "PODIUM_POSTPROCESS_URL": "kubernetes://postprocess:8005",
    }
    gateways = Gateways([])
    with ExitStack() as on_end:
        for port in list(free_ports().values())[:count]:
            log: list[str] = []
            process = ServiceProcess(
                "gateway",
                "127.0.0.1",
                port,
                environment,
                lambda _, line, log=log: log.append(line),
                without=["KUBECONFIG"],
            )
            gateways.logs.append(log)
            on_end.callback(process.wait, 10)
            on_end.callback(process.kill)
            gateways.processes.append(process)
        assert eventually(lambda: all(p.is_ready() for p in gateways.processes), within_s=60)
        yield gateways


@pytest.fixture(scope="module")
def gateways(cluster: Cluster, service_account: Path, stack: Stack) -> Iterator[Gateways]:
    with running(cluster, service_account, stack, 3) as gateways:
        yield gateways


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
    apply(cluster, pipeline, stride=2)
    assert gateways.all_say(path, '"stride":2')
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
        assert condition["message"].startswith("spec.detection.method: Extra inputs")
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


def test_calls_go_to_the_pods_in_endpoint_slices(cluster: Cluster, gateways: Gateways) -> None:
    service = {"kubernetes.io/service-name": "postprocess"}
    pods: Object = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "postprocess-1", "namespace": NAMESPACE, "labels": service},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8005}],
        "endpoints": [
            {"addresses": ["10.1.2.3"], "conditions": {"ready": True}},
            {"addresses": ["10.1.2.4"], "conditions": {"ready": True}},
            {"addresses": ["10.1.2.5"], "conditions": {"ready": False}},
        ],
    }
    metric = 'podium_stage_replicas{stage="postprocess"}'
    cluster.apply(pods)
    assert gateways.all_say("/metrics", f"{metric} 2.0", within_s=RECONNECT_S)
    pods["endpoints"][0]["conditions"] = {"ready": False, "serving": True, "terminating": True}
    cluster.apply(pods)
    assert gateways.all_say("/metrics", f"{metric} 1.0")
    cluster.kubectl("delete", "endpointslice", "postprocess-1", f"-n={NAMESPACE}")
    assert gateways.all_say("/metrics", f"{metric} 0.0")


def test_calls_follow_the_pods_of_a_deployment(own: Cluster, gateways: Gateways) -> None:
    labels = {"app": "postprocess"}
    container: Object = {
        "name": "postprocess",
        "image": "podium.local/postprocess",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    service: Object = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "postprocess", "namespace": NAMESPACE},
        "spec": {"clusterIP": "None", "selector": labels, "ports": [{"port": 8005}]},
    }
    deployment: Object = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "postprocess", "namespace": NAMESPACE},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
    metric = 'podium_stage_replicas{stage="postprocess"}'
    own.apply(service, deployment)
    # Controllers, too, take their time to find an API server again that has restarted.
    own.kubectl("rollout", "status", "deployment/postprocess", f"-n={NAMESPACE}", "--timeout=180s")
    assert gateways.all_say("/metrics", f"{metric} 3.0", within_s=RECONNECT_S)
    own.kubectl("scale", "deployment/postprocess", "--replicas=1", f"-n={NAMESPACE}")
    assert gateways.all_say("/metrics", f"{metric} 1.0", within_s=30)
    own.kubectl("delete", "deployment/postprocess", "service/postprocess", f"-n={NAMESPACE}")
    assert gateways.all_say("/metrics", f"{metric} 0.0", within_s=30)


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
