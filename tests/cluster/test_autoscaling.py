"""Autoscaling on a metric of the pods, and upgrades that leave the number of pods alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cluster.cluster import Cluster, eventually
from tests.cluster.metrics_api import PodMetrics, served_pod_metrics
from tests.cluster.releases import Releases, name

TARGET_ROWS = 32
AUTOSCALING = tuple(
    f"services.pose2d.autoscaling.{setting}"
    for setting in (
        "enabled=true",
        "maxReplicas=6",
        f"targets.queueRows={TARGET_ROWS}",
        "behavior.scaleDown.stabilizationWindowSeconds=0",  # a test does not wait five minutes
        "behavior.scaleDown.policies[0].type=Percent",
        "behavior.scaleDown.policies[0].value=100",
        "behavior.scaleDown.policies[0].periodSeconds=15",
    )
)


@pytest.fixture
def metrics(own: Cluster) -> Iterator[PodMetrics]:
    with served_pod_metrics(own) as metrics:
        yield metrics


def test_replicas_follow_a_served_metric_and_survive_upgrades(
    metrics: PodMetrics, releases: Releases
) -> None:
    metrics.values["podium_queue_rows"] = TARGET_ROWS
    metrics.values["podium_in_flight_requests"] = 1  # far below its target: it asks for fewer
    with releases.changed("standard", *AUTOSCALING):
        assert reaches(releases, 2)

        # Twice the target per pod needs twice the pods; as all report the same, the limit ends it.
        metrics.values["podium_queue_rows"] = 2 * TARGET_ROWS
        assert reaches(releases, 6)
        metrics.values["podium_queue_rows"] = TARGET_ROWS

        with watched_replicas(releases) as seen:
            releases.upgrade("standard", *AUTOSCALING, "services.pose2d.image.tag=next")
            releases.rollback("standard")
        assert set(seen) == {6}
        assert len(releases.pods("standard", "pose2d")) == 6

        metrics.values["podium_queue_rows"] = 1
        assert reaches(releases, 2)


def reaches(releases: Releases, replicas: int) -> bool:
    def there() -> bool:
        found: int = releases.deployment("standard", "pose2d")["spec"]["replicas"]
        return found == replicas

    return eventually(there, within_s=90, period_s=1)


@contextmanager
def watched_replicas(releases: Releases) -> Iterator[list[int]]:
    """Every number of replicas that the Deployment asks for while the block runs."""
    seen: list[int] = []
    with releases.cluster.started(
        "kubectl",
        "get",
        "deployment",
        f"{name('standard')}-pose2d",
        f"--namespace={releases.namespace}",
        "--watch",
        '--output=jsonpath={.spec.replicas}{"\\n"}',
    ) as process:
        assert process.stdout is not None
        seen.append(int(process.stdout.readline()))
        yield seen
        process.terminate()
        seen.extend(int(line) for line in process.stdout)
