"""``charts/podium-jobs`` beside the three tiers: installed, upgraded, and who reaches whom."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.cluster.cluster import Object
from tests.cluster.policies import connects, enters
from tests.cluster.releases import Releases, component, is_running, uids
from tests.support.charts import JOBS, TIERS

RELEASE = "podium-jobs"


@pytest.fixture(scope="module")
def jobs(releases: Releases) -> Iterator[Releases]:
    """The release of the jobs, in the namespace of the tiers."""
    place = f"--namespace={releases.namespace}"
    address = "--from-literal=database-url=mysql+pymysql://podium@database/podium"
    key = "--from-literal=signing-key=" + "0" * 64
    releases.cluster.kubectl("create", "secret", "generic", RELEASE, address, key, place)
    install(releases)
    yield releases
    releases.cluster.helm("uninstall", RELEASE, place, "--wait")
    releases.cluster.kubectl("delete", "secret", RELEASE, place)


def install(releases: Releases, *values: str) -> None:
    """Install or upgrade, with the migration before it."""
    settings = [f"--set={value}" for value in ("objectStore.bucket=podium", *values)]
    place = (f"--namespace={releases.namespace}", "--wait", "--timeout=3m")
    releases.cluster.helm("upgrade", "--install", RELEASE, str(JOBS), *settings, *place)


def pods(releases: Releases, name: str | None = None) -> list[Object]:
    selector = f"app.kubernetes.io/instance={RELEASE}"
    if name is not None:
        selector += f",app.kubernetes.io/component={name}"
    found = releases.cluster.items("pods", releases.namespace, selector)
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def test_api_and_controllers_run_and_the_migration_is_gone(jobs: Releases) -> None:
    assert sorted(component(pod) for pod in pods(jobs)) == ["api"] * 2 + ["controller"] * 2
    assert all(is_running(pod) for pod in pods(jobs))
    assert jobs.cluster.items("jobs", jobs.namespace, f"app.kubernetes.io/instance={RELEASE}") == []


def test_an_upgrade_migrates_again_and_replaces_what_has_changed(jobs: Releases) -> None:
    apis, controllers = (uids(pods(jobs, name)) for name in ("api", "controller"))
    install(jobs, "controller.workers=4")
    history = json.loads(
        jobs.cluster.helm("history", RELEASE, f"--namespace={jobs.namespace}", "--output=json")
    )
    assert history[-1]["status"] == "deployed"
    assert uids(pods(jobs, "api")) == apis
    assert not uids(pods(jobs, "controller")) & controllers


def test_controllers_call_the_gateways_of_all_tiers_and_nothing_else(jobs: Releases) -> None:
    policies = jobs.cluster.items("networkpolicies", jobs.namespace)
    everybody = pods(jobs) + [pod for tier in TIERS for pod in jobs.pods(tier)]
    called = {
        (component(source), component(target))
        for source in pods(jobs)
        for target in everybody
        if source is not target and connects(policies, source, target)
    }
    assert called == {("controller", "gateway")}
    callers = {
        component(source)
        for tier in TIERS
        for source in jobs.pods(tier)
        for target in pods(jobs)
        if connects(policies, source, target)
    }
    assert callers == set()


def test_strangers_reach_the_api_alone(jobs: Releases) -> None:
    stranger = {"metadata": {"namespace": "elsewhere", "labels": {}}}
    policies = jobs.cluster.items("networkpolicies", jobs.namespace)
    assert {component(p) for p in pods(jobs) if enters(policies, stranger, p)} == {"api"}
