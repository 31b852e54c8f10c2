"""``charts/podium-jobs`` as helm renders it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from podium.api.settings import ApiSettings
from podium.environment import check_names
from podium.environment import variables as variables_of
from podium.jobs.observing.metrics import WorkCollector
from podium.jobs.settings import JobsSettings
from podium.schemas.states import PRIORITIES
from tests.charts.validity import assert_valid
from tests.support.charts import (
    CHART,
    JOBS,
    JOBS_OPTIONS,
    OPTIONS,
    TIERS,
    Helm,
    HelmFailed,
    Object,
    of_kind,
    tier_file,
)
from tests.support.custom_resources import CustomResources

EVERY = pytest.mark.parametrize("options", JOBS_OPTIONS, ids=lambda file: file.stem)


def rendered(helm: Helm, options: str = "plain") -> list[Object]:
    (file,) = [each for each in JOBS_OPTIONS if each.stem == options]
    return helm.template("podium-jobs", JOBS, file)


def pods(objects: list[Object]) -> dict[str, Object]:
    """The pods of Deployments, the migration and the test by their component."""
    owners = [*of_kind(objects, "Deployment").values(), *of_kind(objects, "Job").values()]
    found = [owner["spec"]["template"] for owner in owners] + [*of_kind(objects, "Pod").values()]
    return {pod["metadata"]["labels"]["app.kubernetes.io/component"]: pod for pod in found}


def container(pod: Object) -> Object:
    (only,) = pod["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def variables(pod: Object) -> dict[str, Object]:
    return {each["name"]: each for each in container(pod).get("env", [])}


@EVERY
def test_every_object_is_valid(
    helm: Helm, custom_resources: CustomResources, options: Path
) -> None:
    assert_valid(helm.template("podium-jobs", JOBS, options), custom_resources)


@EVERY
def test_lint_has_nothing_to_say(helm: Helm, options: Path) -> None:
    said = helm("lint", "--strict", str(JOBS), f"--values={options}", "--kube-version=1.36.0")
    assert "1 chart(s) linted, 0 chart(s) failed" in said
    assert "[WARNING]" not in said


@EVERY
def test_every_variable_is_a_setting(helm: Helm, options: Path) -> None:
    for pod in pods(helm.template("podium-jobs", JOBS, options)).values():
        check_names([ApiSettings, JobsSettings], variables(pod))


def test_a_bucket_has_to_be_given(helm: Helm) -> None:
    with pytest.raises(HelmFailed, match=r"objectStore\.bucket: give the bucket"):
        helm.template("podium-jobs", JOBS)


def test_one_image_is_api_controller_and_migration(helm: Helm) -> None:
    found = pods(rendered(helm, "scaled"))
    assert {name: container(pod)["command"][2:] for name, pod in found.items()} == {
        "api": ["podium.api"],
        "controller": ["podium.jobs"],
        "migration": ["podium.jobs", "migrate"],
        "test": container(found["test"])["command"][2:],
    }
    digest = "sha256:" + "0123456789abcdef" * 4
    image = f"registry.example.org/club/podium-jobs:0.1.0@{digest}"
    assert {container(pod)["image"] for pod in found.values()} == {image}


def test_secrets_are_in_secrets_alone(helm: Helm) -> None:
    for name, pod in pods(rendered(helm, "scaled")).items():
        if name == "test":
            continue
        given = {
            variable: each["valueFrom"]["secretKeyRef"]
            for variable, each in variables(pod).items()
            if "valueFrom" in each
        }
        expected = {
            "PODIUM_JOBS_DATABASE_URL": {"name": "aurora", "key": "address"},
            "PODIUM_JOBS_SIGNING_KEY": {"name": "podium-jobs", "key": "signing-key"},
            "PODIUM_JOBS_S3_BUCKET": {"name": "podium-jobs", "key": "bucket"},
            "PODIUM_JOBS_GATEWAY_KEY": {"name": "podium-keys", "key": "api-key"},
        }
        if name == "migration":
            del expected["PODIUM_JOBS_SIGNING_KEY"]
        assert given == expected
        mounts = {each["name"]: each["mountPath"] for each in container(pod)["volumeMounts"]}
        assert mounts["database-ca"] == "/etc/podium/database"
        assert [each["name"] for each in pod["spec"]["volumes"]] == list(mounts)
        assert container(pod)["envFrom"] == [{"secretRef": {"name": "minio"}}]


def test_the_migration_comes_before_the_pods_of_its_version(helm: Helm) -> None:
    objects = rendered(helm)
    hooks = {
        each["kind"]: each["metadata"]["annotations"]
        for each in objects
        if "helm.sh/hook" in each["metadata"].get("annotations", {}) and each["kind"] != "Pod"
    }
    assert set(hooks) == {"Job", "NetworkPolicy"}
    assert {each["helm.sh/hook"] for each in hooks.values()} == {"pre-install,pre-upgrade"}
    weights = {kind: int(each["helm.sh/hook-weight"]) for kind, each in hooks.items()}
    assert weights["NetworkPolicy"] < weights["Job"], "it could not reach the database"
    assert "serviceAccountName" not in pods(objects)["migration"]["spec"], "there is none yet"
    assert of_kind(rendered(helm, "bare"), "Job") == {}


def test_pods_are_as_restricted_as_those_of_the_tiers(helm: Helm) -> None:
    for pod in pods(rendered(helm)).values():
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert pod["spec"]["enableServiceLinks"] is False
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        assert pod["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        security = container(pod)["securityContext"]
        assert security["readOnlyRootFilesystem"] is True
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert "memory" in container(pod)["resources"]["limits"]


def test_there_is_room_for_the_largest_upload(helm: Helm) -> None:
    from podium.jobs.uploads import MAX_BYTES

    controller = pods(rendered(helm))["controller"]
    (volume,) = controller["spec"]["volumes"]  # /tmp
    assert int(volume["emptyDir"]["sizeLimit"].removesuffix("Gi")) << 30 > MAX_BYTES


def test_a_video_that_takes_all_it_may_ends_no_pod(helm: Helm) -> None:
    (most,) = [each for each in variables_of(JobsSettings) if each.own.endswith("_MEMORY_BYTES")]
    for name, at_once in [("api", 1), ("controller", 2)]:
        limit = container(pods(rendered(helm))[name])["resources"]["limits"]["memory"]
        assert int(limit.removesuffix("Gi")) << 30 > at_once * most.field.default, name


def test_controllers_reach_the_gateways_of_all_tiers_and_the_api_none(helm: Helm) -> None:
    policies = {
        name.removeprefix("podium-jobs-"): policy["spec"]
        for name, policy in of_kind(rendered(helm), "NetworkPolicy").items()
    }
    assert set(policies) == {"default-deny", "api", "controller", "migration", "test"}
    assert "egress" not in policies["default-deny"]
    assert "ingress" not in policies["default-deny"]
    wanted = [
        peer["podSelector"]["matchLabels"]
        for rule in policies["controller"]["egress"]
        for peer in rule["to"]
        if "podSelector" in peer and "namespaceSelector" not in peer
    ]
    for tier in TIERS:
        gateway = of_kind(helm.template(f"podium-{tier}", CHART, tier_file(tier)), "Deployment")[
            f"podium-{tier}-gateway"
        ]["spec"]["template"]["metadata"]["labels"]
        assert [labels.items() <= gateway.items() for labels in wanted] == [True]
    ports = {
        name: {port["port"] for rule in policies[name]["egress"] for port in rule["ports"]}
        for name in ("api", "controller", "migration")
    }
    assert ports == {
        "api": {53, 3306, 443, 80},
        "controller": {53, 3306, 443, 80, "http"},
        "migration": {53, 3306},
    }


def test_scalers_own_the_number_of_pods(helm: Helm) -> None:
    objects = rendered(helm, "scaled")
    assert all("replicas" not in each["spec"] for each in of_kind(objects, "Deployment").values())
    (hpa,) = of_kind(objects, "HorizontalPodAutoscaler").values()
    assert hpa["spec"]["scaleTargetRef"]["name"] == "podium-jobs-api"
    (scaled,) = of_kind(objects, "ScaledObject").values()
    assert scaled["spec"]["scaleTargetRef"]["name"] == "podium-jobs-controller"
    (trigger,) = scaled["spec"]["triggers"]
    assert asked_for(trigger["metadata"]["query"]) <= counted()
    assert trigger["metadata"]["ignoreNullValues"] == "false"


def test_tiers_follow_the_frame_batches_that_wait_for_their_class(helm: Helm) -> None:
    (file,) = [each for each in OPTIONS if each.stem == "internal"]
    assert set(TIERS) == set(PRIORITIES)
    for tier in TIERS:
        objects = helm.template(f"podium-{tier}", CHART, tier_file(tier), file)
        for scaled in of_kind(objects, "ScaledObject").values():
            (metadata,) = [
                each["metadata"]
                for each in scaled["spec"]["triggers"]
                if each["name"] == "frame-batches"
            ]
            assert asked_for(metadata["query"]) <= counted()
            assert f'namespace="jobs", priority="{tier}"' in metadata["query"]
            assert metadata["threshold"] == "8"


def test_scaling_by_frame_batches_needs_keda(helm: Helm) -> None:
    pending = "defaults.autoscaling.targets.pendingFrameBatches=4"
    with pytest.raises(HelmFailed, match=r"pendingFrameBatches: needs autoscaling\.kind=keda"):
        helm.template("x", CHART, set_=f"defaults.autoscaling.enabled=true,{pending}")


def asked_for(query: str) -> set[str]:
    return set(re.findall(r"podium_\w+", query))


def counted() -> set[str]:
    """The metrics that controllers count in the database."""
    from datetime import UTC, datetime
    from tempfile import TemporaryDirectory

    from podium.jobs.sql.database import Database
    from podium.jobs.sql.schema import migrate

    with TemporaryDirectory() as folder:
        database = Database.in_file(Path(folder) / "podium.db")
        migrate.upgrade(database)
        names = {each.name for each in WorkCollector(database, lambda: datetime.now(UTC)).collect()}
        database.close()
    return names
