"""The charts as helm renders them, for every tier with every option."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
import yaml

from podium.environment import check_names
from podium.local.settings import settings_of
from tests.charts.validity import KUBERNETES, assert_valid
from tests.support.charts import (
    CHART,
    JOBS,
    OPTIONS,
    PLATFORM,
    SERVICES,
    TIERS,
    WRONG,
    Helm,
    HelmFailed,
    Object,
    of_kind,
    tier_file,
)
from tests.support.custom_resources import CustomResources

EVERY = pytest.mark.parametrize("options", [None, *OPTIONS], ids=lambda file: file and file.stem)
EACH_TIER = pytest.mark.parametrize("tier", TIERS)


def release(helm: Helm, tier: str, *files: Path | None, set_: str = "") -> list[Object]:
    others = [file for file in files if file is not None]
    return helm.template(f"podium-{tier}", CHART, tier_file(tier), *others, set_=set_)


def one_kind(helm: Helm, kind: str, options: str, tier: str = "priority") -> dict[str, Object]:
    """Objects of a kind by the last word of their names, with one of the option files."""
    (file,) = [each for each in OPTIONS if each.stem == options]
    rendered = of_kind(release(helm, tier, file), kind)
    return {name.rpartition("-")[2]: each for name, each in rendered.items()}


@EVERY
@EACH_TIER
def test_every_object_is_valid(
    helm: Helm, custom_resources: CustomResources, tier: str, options: Path | None
) -> None:
    assert_valid(release(helm, tier, options), custom_resources)


def test_the_small_tier_is_valid(helm: Helm, custom_resources: CustomResources) -> None:
    small = helm.template("podium-standard", CHART, CHART / "values-small.yaml")
    small += helm.template(
        "podium-jobs", JOBS, JOBS / "values-small.yaml", set_="objectStore.bucket=podium"
    )
    assert_valid(small, custom_resources)
    for deployment in of_kind(small, "Deployment").values():
        assert deployment["spec"]["replicas"] == 1
        assert "nodeSelector" not in deployment["spec"]["template"]["spec"]


def test_the_platform_is_valid(helm: Helm, custom_resources: CustomResources) -> None:
    rendered = helm.template("podium-platform", PLATFORM, set_="karpenter.enabled=true")
    assert set(of_kind(rendered, "NodePool")) == {"podium-m5", "podium-g4dn"}
    assert_valid(rendered, custom_resources)


@pytest.mark.parametrize("version", KUBERNETES)
@EACH_TIER
def test_lint_has_nothing_to_say(helm: Helm, tier: str, version: str) -> None:
    said = helm(
        "lint", "--strict", str(CHART), f"--values={tier_file(tier)}", f"--kube-version={version}"
    )
    assert "1 chart(s) linted, 0 chart(s) failed" in said
    assert "[WARNING]" not in said


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{wrong['path']}:{wrong['says']}")
def test_helm_refuses_a_mistake_and_names_the_field(
    helm: Helm, tmp_path: Path, wrong: Object
) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(yaml.safe_dump(wrong["values"]))
    with pytest.raises(HelmFailed) as refused:
        helm.template("wrong", CHART.parent / wrong["chart"], file)
    message = str(refused.value)
    pointer = "".join(f"/{part}" for part in wrong["path"].split(".") if part)
    assert f"at '{pointer}'" in message
    assert wrong["says"] in message
    assert len(message.strip().splitlines()) <= 4


@pytest.mark.parametrize(
    ("set_", "says"),
    [
        ("services.pose2d.accelerator=tpu", 'services.pose2d.accelerator: "tpu" is not in acceler'),
        ("services.gateway.calls={decode,poses}", 'services.gateway.calls: "poses" is not in serv'),
        ("services.gateway.enabled=false", "services.gateway.enabled: a release has no other door"),
        ("services.decode.port=null", "services.decode.port: give the port"),
    ],
)
def test_what_no_schema_can_know_is_refused_too(helm: Helm, set_: str, says: str) -> None:
    with pytest.raises(HelmFailed, match=says):
        release(helm, "priority", set_=set_)


@EACH_TIER
def test_a_tier_has_six_services_with_everything_around_them(helm: Helm, tier: str) -> None:
    rendered = release(helm, tier)
    names = {f"podium-{tier}-{service}" for service in SERVICES}
    for kind in ("Deployment", "ServiceAccount", "PodDisruptionBudget"):
        assert set(of_kind(rendered, kind)) == names, kind
    assert set(of_kind(rendered, "Service")) == names | {f"{name}-headless" for name in names}
    policies = {*names, f"podium-{tier}-test", f"podium-{tier}-default-deny"}
    assert set(of_kind(rendered, "NetworkPolicy")) == policies
    for deployment in of_kind(rendered, "Deployment").values():
        assert_pod_contract(deployment["spec"]["template"]["spec"], tier)


def assert_pod_contract(pod: Object, tier: str) -> None:
    (container,) = pod["containers"]
    sleep_s = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    service = settings_of(container["name"])
    check_names([service], environment(container))
    drain_s = int(environment(container)[f"PODIUM_{service.service.upper()}_DRAIN_S"])
    assert pod["terminationGracePeriodSeconds"] == (drain_s + sleep_s) * 3 // 2
    assert pod["priorityClassName"] == f"podium-{tier}"
    assert pod["automountServiceAccountToken"] == (container["name"] == "gateway")
    assert pod["enableServiceLinks"] is False
    keys = {each["topologyKey"] for each in pod["topologySpreadConstraints"]}
    assert keys == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
    startup, ready, live = (container[f"{k}Probe"] for k in ("startup", "readiness", "liveness"))
    assert startup["periodSeconds"] * startup["failureThreshold"] == 600
    assert (ready["httpGet"]["path"], ready["failureThreshold"]) == ("/v2/health/ready", 1)
    assert startup["httpGet"]["path"] == live["httpGet"]["path"] == "/v2/health/live"


def test_settings_of_an_accelerator_are_those_of_services_with_models(helm: Helm) -> None:
    deployments = of_kind(release(helm, "priority"), "Deployment")
    found = {
        name.rpartition("-")[2]: environment(each["spec"]["template"]["spec"]["containers"][0])
        for name, each in deployments.items()
    }
    assert found["detection"]["PODIUM_DETECTION_WORKERS"] == "2"
    assert found["pose3d"]["PODIUM_POSE3D_PROVIDER"] == "cuda"
    assert "PODIUM_POSE3D_WORKERS" not in found["pose3d"]
    assert found["decode"]["PODIUM_DECODE_WORKERS"] == "2"
    assert not any("WORKERS" in name or "PROVIDER" in name for name in found["gateway"])


def test_nobody_may_unload_models_by_default(helm: Helm) -> None:
    for name, deployment in of_kind(release(helm, "priority"), "Deployment").items():
        settings = environment(deployment["spec"]["template"]["spec"]["containers"][0])
        controls = {key: value for key, value in settings.items() if "MODEL_CONTROL" in key}
        uses_models = name.rpartition("-")[2] in ("detection", "pose2d", "pose3d")
        assert list(controls.values()) == (["false"] if uses_models else [])


def test_services_reach_the_object_store_only_where_they_may_use_it(helm: Helm) -> None:
    def egress(*files: Path | None) -> dict[str, set[str]]:
        policies = of_kind(release(helm, "priority", *files), "NetworkPolicy")
        return {
            name.rpartition("-")[2]: {
                block["ipBlock"]["cidr"]
                for rule in policy["spec"].get("egress", [])
                for block in rule.get("to", [])
                if "ipBlock" in block
            }
            for name, policy in policies.items()
        }

    closed = egress(None)
    assert closed["decode"] == closed["postprocess"] == closed["pose2d"] == set()
    (pinned,) = [file for file in OPTIONS if file.stem == "pinned"]
    opened = egress(pinned)
    assert opened["decode"] == opened["pose2d"] == {"0.0.0.0/0", "169.254.170.23/32"}
    policies = of_kind(release(helm, "priority", pinned), "NetworkPolicy")
    rules = policies["podium-priority-decode"]["spec"]["egress"]
    (anywhere,) = [
        block["ipBlock"]
        for rule in rules
        for block in rule["to"]
        if block.get("ipBlock", {}).get("cidr") == "0.0.0.0/0"
    ]
    assert {"169.254.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"} <= set(
        anywhere["except"]
    )


def environment(container: Object) -> dict[str, str]:
    return {each["name"]: each.get("value", "") for each in container["env"]}


@pytest.mark.parametrize("options", ["hpa", "keda"])
def test_a_scaler_owns_the_number_of_pods(helm: Helm, options: str) -> None:
    deployments = one_kind(helm, "Deployment", options)
    hpas = one_kind(helm, "HorizontalPodAutoscaler", options)
    scaled = one_kind(helm, "ScaledObject", options)
    assert not hpas.keys() & scaled.keys()
    for service, deployment in deployments.items():
        assert ("replicas" in deployment["spec"]) != (service in hpas.keys() | scaled.keys())
    assert (len(hpas), len(scaled)) == {"hpa": (6, 0), "keda": (1, 4)}[options]


def test_scalers_follow_requests_in_flight_and_queues(helm: Helm) -> None:
    hpa = one_kind(helm, "HorizontalPodAutoscaler", "hpa")["pose2d"]["spec"]
    metrics = {each["pods"]["metric"]["name"]: each["pods"]["target"] for each in hpa["metrics"]}
    assert {name: target["averageValue"] for name, target in metrics.items()} == {
        "podium_in_flight_requests": "5",
        "podium_queue_rows": "32",
    }
    triggers = one_kind(helm, "ScaledObject", "keda")["pose2d"]["spec"]["triggers"]
    asked = {each["name"]: each["metadata"] for each in triggers}
    assert {name: metadata["threshold"] for name, metadata in asked.items()} == {
        "in-flight": "4",
        "queue": "32",
    }
    assert all(metadata["ignoreNullValues"] == "false" for metadata in asked.values())


def test_zeros_falses_and_empty_lists_hold_over_defaults(helm: Helm) -> None:
    deployments = one_kind(helm, "Deployment", "small")
    assert deployments["gateway"]["spec"]["replicas"] == 0
    gateway, decode, pose2d = (
        deployments[name]["spec"]["template"]["spec"] for name in ("gateway", "decode", "pose2d")
    )
    assert gateway["automountServiceAccountToken"] is False
    assert environment(gateway["containers"][0])["PODIUM_GATEWAY_DECODE_URL"].startswith("dns://")
    assert environment(decode["containers"][0])["PODIUM_DECODE_DRAIN_S"] == "0"
    assert decode["terminationGracePeriodSeconds"] == 2
    assert "tolerations" not in pose2d
    budgets = one_kind(helm, "PodDisruptionBudget", "small")
    assert budgets["decode"]["spec"]["minAvailable"] == 0
    assert "postprocess" not in budgets
    assert {b["spec"]["unhealthyPodEvictionPolicy"] for b in budgets.values()} == {"AlwaysAllow"}
    assert one_kind(helm, "NetworkPolicy", "small") == {}


def test_images_have_registry_tag_and_digest(helm: Helm) -> None:
    pose2d = one_kind(helm, "Deployment", "pinned")["pose2d"]["spec"]["template"]["spec"]
    assert pose2d["containers"][0]["image"] == (
        "registry.example.org/club/podium-pose2d:0.1.0-gpu@sha256:" + "0123456789abcdef" * 4
    )


def test_a_changed_pipeline_restarts_the_gateway_alone(helm: Helm) -> None:
    before = one_kind(helm, "Deployment", "pinned")
    (file,) = [each for each in OPTIONS if each.stem == "pinned"]
    changed = release(helm, "priority", file, set_="pipelines.sprint.detection.stride=3")
    after = {name.rpartition("-")[2]: d for name, d in of_kind(changed, "Deployment").items()}
    assert {name for name in before if before[name] != after[name]} == {"gateway"}


def test_only_the_gateway_is_reached_from_outside(helm: Helm) -> None:
    (ingress,) = one_kind(helm, "Ingress", "ingress").values()
    (route,) = one_kind(helm, "HTTPRoute", "gateway-api").values()
    ((path,),) = [rule["http"]["paths"] for rule in ingress["spec"]["rules"]]
    assert path["backend"]["service"]["name"] == "podium-priority-gateway"
    backends = [ref["name"] for rule in route["spec"]["rules"] for ref in rule["backendRefs"]]
    assert backends == ["podium-priority-gateway"]


def test_who_waits_in_front_of_a_gateway_waits_as_long_as_it_does(helm: Helm) -> None:
    (ingress,) = one_kind(helm, "Ingress", "ingress").values()
    attributes = ingress["metadata"]["annotations"][
        "alb.ingress.kubernetes.io/load-balancer-attributes"
    ]
    (route,) = one_kind(helm, "HTTPRoute", "gateway-api").values()
    internal = of_kind(
        release(helm, "priority", *(f for f in OPTIONS if f.stem == "internal")), "Service"
    )
    balancer = internal["podium-priority-gateway-internal"]
    listener = balancer["metadata"]["annotations"][
        "service.beta.kubernetes.io/aws-load-balancer-listener-attributes.TCP-8000"
    ]
    for options, waits_s in [
        ("ingress", attributes.removeprefix("idle_timeout.timeout_seconds=")),
        ("gateway-api", route["spec"]["rules"][0]["timeouts"]["request"].removesuffix("s")),
        ("internal", listener.removeprefix("tcp.idle_timeout.seconds=")),
    ]:
        gateway = one_kind(helm, "Deployment", options)["gateway"]["spec"]["template"]["spec"]
        settings = environment(gateway["containers"][0])
        assert waits_s == settings["PODIUM_GATEWAY_POSTPROCESS_TIMEOUT_S"]
        assert int(settings["PODIUM_GATEWAY_KEEP_ALIVE_S"]) > int(waits_s)
    assert balancer["spec"]["loadBalancerSourceRanges"] == ["10.0.0.0/16"]
    assert (
        balancer["metadata"]["annotations"]["service.beta.kubernetes.io/aws-load-balancer-scheme"]
        == "internal"
    )


@pytest.mark.parametrize(
    ("set_", "pipelines"),
    [
        ("tier=standard", ["pose-2d", "pose-3d"]),
        ("services.pose3d.enabled=false", ["pose-2d"]),
        ("services.pose2d.enabled=false", ["pose-3d"]),
        ("services.pose2d.enabled=false,test.pipelines={yolox-hrnet-2d}", ["yolox-hrnet-2d"]),
        ("services.detection.enabled=false", None),
    ],
)
def test_helm_test_asks_for_what_enabled_services_can_do(
    helm: Helm, set_: str, pipelines: list[str] | None
) -> None:
    testers = of_kind(release(helm, "standard", set_=set_), "Pod")
    asked = [pod["spec"]["containers"][0]["command"][5:] for pod in testers.values()]
    assert asked == ([] if pipelines is None else [pipelines])


def test_no_cluster_and_no_version_are_needed(helm: Helm) -> None:
    for chart, set_ in [(CHART, "tier=standard"), (JOBS, "objectStore.bucket=podium")]:
        assert "kind: Deployment" in helm("template", "podium", str(chart), f"--set={set_}")


def test_nobody_reaches_the_metadata_service(helm: Helm) -> None:
    """169.254.169.254 would give a pod the rights of its node."""
    metadata = ipaddress.ip_address("169.254.169.254")
    opened = "models.source=s3://a,objectStore.readPrefixes={s3://b}"
    everything = release(helm, "standard", set_=opened)
    everything += helm.template("podium-jobs", JOBS, set_="objectStore.bucket=podium")
    blocks = [
        block["ipBlock"]
        for policy in of_kind(everything, "NetworkPolicy").values()
        for rule in policy["spec"].get("egress", [])
        for block in rule["to"]
        if "ipBlock" in block
    ]
    assert len(blocks) > 10
    for block in blocks:
        left_out = (ipaddress.ip_network(each) for each in block.get("except", []))
        assert metadata not in ipaddress.ip_network(block["cidr"]) or any(
            metadata in network for network in left_out
        )


def notes(helm: Helm, *values: str) -> str:
    """What helm prints after an installation; ``--dry-run`` does without a cluster."""
    said = helm(
        "install", "podium-priority", str(CHART), f"--values={tier_file('priority')}",
        "--namespace=podium", "--dry-run=client", *(f"--values={file}" for file in values),
    )  # fmt: skip
    return said.partition("NOTES:")[2]


def test_the_next_commands_are_printed(helm: Helm) -> None:
    said = notes(helm)
    for command in ("rollout status", "helm test podium-priority -n podium", "port-forward"):
        assert command in said
    assert "No models: the model services will not start" in said


@pytest.mark.parametrize("options", ["ingress", "gateway-api"])
def test_the_address_from_outside_is_printed(helm: Helm, options: str) -> None:
    (file,) = [str(each) for each in OPTIONS if each.stem == options]
    assert "'https://podium.example.org/v1/pipelines/pose-3d?count=32'" in notes(helm, file)
