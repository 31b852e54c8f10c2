"""``k8s/``: valid, large enough for the tiers, and in agreement with the charts."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import jsonschema
import kubernetes_validate
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from podium.jobs.observing.metrics import MeteredLog, WorkCollector
from podium.jobs.observing.oplog import NoLog
from podium.jobs.sql.database import Database
from podium.jobs.sql.schema import migrate
from podium.serving.observing.telemetry import Metrics
from tests.support.chart_programs import EKSCTL, NVIDIA_DEVICE_PLUGIN
from tests.support.charts import (
    CHART,
    JOBS,
    PLATFORM,
    ROOT,
    TIERS,
    Helm,
    Object,
    objects,
    of_kind,
    tier_file,
    values,
)
from tests.support.custom_resources import CustomResources
from tests.support.go_programs import module_folder
from tests.support.nodes import G4DN, M5

K8S = ROOT / "k8s"
CLUSTERS = {"small": ("small",), "standard": TIERS[:1], "mixed": TIERS[:2], "all-tiers": TIERS}
SPARE_NODES = {name: name != "small" for name in CLUSTERS}
"""How many m5 nodes a cluster can lose."""
POOLS = {"m5": M5, "g4dn": G4DN}

# What pods can have of an instance, as Karpenter documents it.
CPU_M = {"m5.xlarge": 3920, "m5.2xlarge": 7910, "m5.4xlarge": 15890, "g4dn.xlarge": 3920}
MEMORY_MI = {"m5.xlarge": 14162, "m5.2xlarge": 29317, "m5.4xlarge": 57691, "g4dn.xlarge": 14481}
OF_DAEMONSETS_M, OF_DAEMONSETS_MI = 300, 500
"""For what runs on every node: networking, pod identity, node monitoring, node-exporter."""


def cluster(name: str) -> Object:
    loaded: Object = yaml.safe_load((K8S / "clusters" / f"{name}.yaml").read_text())
    return loaded


def groups(name: str) -> dict[str, Object]:
    return {group["name"]: group for group in cluster(name)["managedNodeGroups"]}


@pytest.mark.parametrize("name", CLUSTERS)
def test_nodes_have_the_labels_and_taints_that_pods_expect(name: str) -> None:
    for pool, group in groups(name).items():
        assert group["labels"] == {"podium.dev/pool": pool}
        assert group.get("taints", []) == POOLS[pool].taints
        chart_pool = values(PLATFORM)["nodePools"][pool]
        assert group.get("taints", []) == chart_pool["taints"]
        assert group["instanceType"] in chart_pool["instanceTypes"]
        assert group["minSize"] <= group["desiredCapacity"] <= group["maxSize"]
        assert group["nodeRepairConfig"]["enabled"]


def test_there_is_a_node_class_for_every_node_pool() -> None:
    classes = objects((K8S / "karpenter" / "ec2nodeclasses.yaml").read_text())
    pools = values(PLATFORM)["nodePools"]
    assert {each["metadata"]["name"] for each in classes} == {f"podium-{name}" for name in pools}
    for each in classes:
        (name,) = {cluster(name)["metadata"]["name"] for name in CLUSTERS}
        assert each["spec"]["role"] == f"KarpenterNodeRole-{name}"
        (subnets,) = each["spec"]["subnetSelectorTerms"]
        assert subnets["tags"].items() <= cluster("mixed")["metadata"]["tags"].items()


def test_alerts_ask_for_metrics_that_services_have() -> None:
    alerts = (K8S / "monitoring" / "alerts.yaml").read_text()
    adapter = (K8S / "monitoring" / "adapter.yaml").read_text()
    assert podium_metrics(alerts) | podium_metrics(adapter) <= exported()


def podium_metrics(text: str) -> set[str]:
    named = re.findall(r"\bpodium_[a-z_]+(?=[{|\")\[ ])", text)
    return {re.sub("_(bucket|count|sum)$", "", each) for each in named} - {"podium_dev_tier"}


def exported() -> set[str]:
    from prometheus_client import generate_latest

    metrics = Metrics("gateway")
    metrics.watch_pipelines(lambda: 0.0)
    MeteredLog(NoLog(), metrics.registry)
    with TemporaryDirectory() as folder:
        database = Database.in_file(Path(folder) / "podium.db")
        migrate.upgrade(database)
        metrics.registry.register(WorkCollector(database, lambda: datetime.now(UTC)))
        exposition = generate_latest(metrics.registry).decode()
        database.close()
    families = text_string_to_metric_families(exposition)
    return {f"{each.name}_total" if each.type == "counter" else each.name for each in families}


def test_the_dashboard_of_jobs_asks_for_metrics_that_they_have() -> None:
    file = PLATFORM / "files" / "dashboards" / "podium-jobs.json"
    dashboard = json.loads(file.read_text())
    assert dashboard["uid"] == "podium-jobs"
    panels = [each for each in dashboard["panels"] if each["type"] != "row"]
    asked = " ".join(target["expr"] for panel in panels for target in panel["targets"])
    assert len(podium_metrics(asked)) == 6
    assert podium_metrics(asked) <= exported()
    places = [tuple(each["gridPos"][key] for key in "xywh") for each in dashboard["panels"]]
    cells = [(x + i, y + j) for x, y, w, h in places for i in range(w) for j in range(h)]
    assert len(cells) == len(set(cells)), "panels lie on each other"
    assert max(x for x, _ in cells) < 24


def test_horizontal_scalers_have_what_the_adapter_serves(helm: Helm) -> None:
    adapter = yaml.safe_load((K8S / "monitoring" / "adapter.yaml").read_text())
    (rule,) = adapter["rules"]["custom"]
    rendered = helm.template(
        "podium-standard", CHART, tier_file("standard"), set_="defaults.autoscaling.enabled=true"
    )
    wanted = {
        metric["pods"]["metric"]["name"]
        for scaler in of_kind(rendered, "HorizontalPodAutoscaler").values()
        for metric in scaler["spec"]["metrics"]
    }
    assert wanted == podium_metrics(rule["seriesQuery"])


def test_custom_resources_are_valid(custom_resources: CustomResources) -> None:
    for file in ("karpenter/ec2nodeclasses.yaml", "monitoring/alerts.yaml"):
        for each in objects((K8S / file).read_text()):
            assert custom_resources.errors(each) == [], file


def test_a_mistake_in_a_custom_resource_is_found(custom_resources: CustomResources) -> None:
    m5, _ = objects((K8S / "karpenter" / "ec2nodeclasses.yaml").read_text())
    m5["spec"]["metadataOptions"] = {"httpToken": "required", "httpPutResponseHopLimit": "1"}
    assert len(custom_resources.errors(m5)) == 2


@pytest.mark.parametrize("name", CLUSTERS)
def test_clusters_are_valid_for_eksctl(chart_tools: Path, name: str) -> None:
    file = module_folder(EKSCTL) / "pkg/apis/eksctl.io/v1alpha5/assets/schema.json"
    validator = jsonschema.Draft7Validator(json.loads(file.read_text()))
    assert [error.message for error in validator.iter_errors(cluster(name))] == []
    assert list(validator.iter_errors(cluster(name) | {"nodegroups": []}))


def deployments(helm: Helm, name: str) -> list[Object]:
    """Those of all releases that a cluster is made for."""
    rendered: list[Object] = []
    for tier in CLUSTERS[name]:
        release = "podium-standard" if tier == "small" else f"podium-{tier}"
        opened = "models.source=s3://my-podium-models"
        rendered += helm.template(release, CHART, tier_file(tier), set_=opened)
    sizes = [JOBS / "values-small.yaml"] if name == "small" else []
    bucket = "objectStore.bucket=my-podium-jobs"
    rendered += helm.template("podium-jobs", JOBS, *sizes, set_=bucket)
    return list(of_kind(rendered, "Deployment").values())


@pytest.mark.parametrize("name", CLUSTERS)
def test_pods_that_need_a_bucket_have_an_identity(helm: Helm, name: str) -> None:
    given = {
        (each["namespace"], each["serviceAccountName"])
        for each in cluster(name)["iam"]["podIdentityAssociations"]
    }
    need = set()
    for deployment in deployments(helm, name):
        pod = deployment["spec"]["template"]["spec"]
        names = {variable["name"] for variable in pod["containers"][0]["env"]}
        if any(variable.endswith("_S3_REGION") for variable in names):
            need.add((deployment["metadata"]["namespace"], pod["serviceAccountName"]))
    assert given == need


@pytest.mark.parametrize("name", CLUSTERS)
def test_an_identity_may_write_only_where_its_service_does(name: str) -> None:
    for each in cluster(name)["iam"]["podIdentityAssociations"]:
        writes: set[str] = set()
        for statement in each["permissionPolicy"]["Statement"]:
            if any("Put" in action or "Delete" in action for action in statement["Action"]):
                where = statement["Resource"]
                writes |= {where} if isinstance(where, str) else set(where)
        service = each["serviceAccountName"].rpartition("-")[2]
        media, jobs = "arn:aws:s3:::my-podium-media/*", "arn:aws:s3:::my-podium-jobs/*"
        allowed = {"postprocess": {media, jobs}, "api": {jobs}, "controller": {jobs}}
        assert writes == allowed.get(service, set()), each["serviceAccountName"]


@pytest.mark.parametrize("name", CLUSTERS)
def test_clusters_have_room_for_their_releases(helm: Helm, name: str) -> None:
    """First fit, largest first, with one m5 node lost; GPU pods get a node each."""
    pods: dict[str, list[tuple[int, int]]] = {"m5": [], "g4dn": []}
    for deployment in deployments(helm, name):
        pod = deployment["spec"]["template"]["spec"]
        requests = pod["containers"][0]["resources"]["requests"]
        size = millis(requests["cpu"]), mebis(requests["memory"])
        pool = pod.get("nodeSelector", {}).get("podium.dev/pool", "m5")
        pods[pool] += [size] * deployment["spec"]["replicas"]
    m5 = groups(name)["m5"]
    needed = nodes_for(pods["m5"], m5["instanceType"])
    assert needed + SPARE_NODES[name] <= m5["desiredCapacity"]
    gpus = groups(name).get("g4dn", {"desiredCapacity": 0, "instanceType": "g4dn.xlarge"})
    assert nodes_for(pods["g4dn"], gpus["instanceType"]) == len(pods["g4dn"])
    assert len(pods["g4dn"]) == gpus["desiredCapacity"]


def test_costs_on_the_page_about_deploying_are_those_of_the_clusters() -> None:
    prices = tomllib.loads((ROOT / "loadtest" / "prices.toml").read_text())["instances"]
    page = (ROOT / "docs" / "deployment.md").read_text()
    for name in CLUSTERS:
        per_hour = sum(
            group["desiredCapacity"] * prices[group["instanceType"]]["per_hour"]
            for group in groups(name).values()
        )
        (row,) = re.findall(rf"^\| \[`{name}`\].*$", page, re.MULTILINE)
        assert f"| {per_hour:.2f} |" in row


def millis(cpu: str | int) -> int:
    text = str(cpu)
    return int(text[:-1]) if text.endswith("m") else int(text) * 1000


def mebis(memory: str) -> int:
    size = int(memory[:-2])
    return size * 1024 if memory.endswith("Gi") else size


def nodes_for(pods: list[tuple[int, int]], instance_type: str) -> int:
    room = CPU_M[instance_type] - OF_DAEMONSETS_M, MEMORY_MI[instance_type] - OF_DAEMONSETS_MI
    nodes: list[tuple[int, int]] = []
    for cpu_m, memory_mi in sorted(pods, reverse=True):
        for index, (free_m, free_mi) in enumerate(nodes):
            if cpu_m <= free_m and memory_mi <= free_mi:
                nodes[index] = free_m - cpu_m, free_mi - memory_mi
                break
        else:
            assert cpu_m <= room[0], "no node is large enough"
            assert memory_mi <= room[1], "no node is large enough"
            nodes.append((room[0] - cpu_m, room[1] - memory_mi))
    return len(nodes)


def test_nothing_is_also_made_by_a_chart(helm: Helm) -> None:
    everything = "karpenter.enabled=true"
    made = {identity(each) for each in helm.template("podium-platform", PLATFORM, set_=everything)}
    for tier in TIERS:
        rendered = helm.template(f"podium-{tier}", CHART, tier_file(tier))
        made |= {identity(each) for each in rendered}
    ours = {
        identity(each)
        for file in K8S.glob("*/*.yaml")
        for each in objects(file.read_text())
        if "kind" in each
    }
    assert ("EC2NodeClass", "podium-m5") in ours
    assert made & ours == set()


def identity(each: Object) -> tuple[str, str]:
    return each["kind"], each["metadata"]["name"]


@pytest.mark.parametrize("sharing", ["whole", "time-slicing", "mps"])
def test_the_device_plugin_takes_its_values(helm: Helm, sharing: str) -> None:
    chart = module_folder(NVIDIA_DEVICE_PLUGIN) / "deployments" / "helm" / "nvidia-device-plugin"
    rendered = helm.template(
        "nvidia-device-plugin", chart, K8S / "gpu" / "device-plugin.yaml",
        set_=f"config.default={sharing}",
    )  # fmt: skip
    for each in rendered:
        kubernetes_validate.validate(each, "1.36.0", strict=True)
    plugin = of_kind(rendered, "DaemonSet")["nvidia-device-plugin"]["spec"]["template"]["spec"]
    assert plugin["nodeSelector"] == {"podium.dev/pool": "g4dn"}
    assert "affinity" not in plugin
    containers = plugin["initContainers"] + plugin["containers"]
    named = [each for c in containers for each in c["env"] if each["name"] == "DEFAULT_CONFIG"]
    assert [each["value"] for each in named] == [sharing, sharing], "at the start, and later"
    (configs,) = of_kind(rendered, "ConfigMap").values()
    assert set(configs["data"]) == {"whole", "time-slicing", "mps"}


def test_the_device_plugin_reads_its_configurations(chart_tools: Path) -> None:
    file = yaml.safe_load((K8S / "gpu" / "device-plugin.yaml").read_text())
    for name, text in file["config"]["map"].items():
        assert read_by_plugin(chart_tools, text) == "", name
    mps = file["config"]["map"]["mps"]
    assert "unknown field" in read_by_plugin(chart_tools, mps.replace("sharing", "sharding"))
    assert "replicas must be" in read_by_plugin(
        chart_tools, mps.replace("replicas: 4", "replicas: 1")
    )


def read_by_plugin(programs: Path, text: str) -> str:
    command = [programs / "device-plugin"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False).stderr


def test_four_pods_share_a_gpu_node(helm: Helm) -> None:
    rendered = helm.template(
        "podium-priority", CHART, tier_file("priority"), K8S / "gpu" / "podium-shared.yaml"
    )
    pose2d = of_kind(rendered, "Deployment")["podium-priority-pose2d"]["spec"]
    (container,) = pose2d["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    requests = container["resources"]["requests"]
    cpu_m = int(requests["cpu"].removesuffix("m"))
    memory_mi = int(requests["memory"].removesuffix("Gi")) * 1024
    assert nodes_for([(cpu_m, memory_mi)] * 4, "g4dn.xlarge") == 1
