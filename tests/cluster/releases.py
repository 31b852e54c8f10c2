"""The three tiers as Helm releases in one namespace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.cluster import Cluster, Object

CHARTS = Path(__file__).parents[2] / "charts"
CRD = CHARTS / "podium-platform" / "files" / "crds" / "pipelines.podium.dev.yaml"
WAIT = ("--wait", "--timeout=3m")


class Releases:
    """Installs, changes and reads the releases ``podium-<tier>``.

    Args:
        cluster: Where they are.
        namespace: Of all of them.
        values: Files of values that go over those of the tier.
    """

    def __init__(self, cluster: Cluster, namespace: str, *values: Path) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self._values = values

    def upgrade(self, tier: str, *values: str, wait: bool = True) -> None:
        """Install or upgrade with the values of the tier, then ``values`` as for ``--set``."""
        chart = CHARTS / "podium"
        files = [f"--values={file}" for file in (chart / f"values-{tier}.yaml", *self._values)]
        settings = [f"--set={value}" for value in values]
        release = ("upgrade", "--install", name(tier), str(chart))
        self._helm(*release, *files, *settings, wait=wait)

    def rollback(self, tier: str) -> None:
        """Back to what was there before the last change."""
        self._helm("rollback", name(tier))

    def uninstall(self, tier: str) -> None:
        """Remove the release."""
        self._helm("uninstall", name(tier))

    def deployment(self, tier: str, service: str) -> Object:
        """The Deployment of a service."""
        return self.cluster.get("deployment", f"{name(tier)}-{service}", f"-n={self.namespace}")

    def deployments(self, tier: str) -> list[Object]:
        """All Deployments of a tier."""
        return self.cluster.items("deployments", self.namespace, f"podium.dev/tier={tier}")

    def pods(self, tier: str, service: str | None = None) -> list[Object]:
        """Pods of a tier, or of one service of it, that are not going away."""
        selector = f"podium.dev/tier={tier}"
        if service is not None:
            selector += f",app.kubernetes.io/component={service}"
        pods = self.cluster.items("pods", self.namespace, selector)
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    @contextmanager
    def changed(self, tier: str, *values: str) -> Iterator[None]:
        """A release with other values while the block runs; then as the tier has it."""
        self.upgrade(tier, *values)
        try:
            yield
        finally:
            self.upgrade(tier)

    def _helm(self, *arguments: str, wait: bool = True) -> None:
        waiting = WAIT if wait else ()
        self.cluster.helm(*arguments, f"--namespace={self.namespace}", *waiting)


def name(tier: str) -> str:
    """Of the release."""
    return f"podium-{tier}"


def is_running(pod: Object) -> bool:
    """Whether it has been bound to a node and is ready."""
    conditions = {each["type"]: each["status"] for each in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True"


def component(object_: Object) -> str:
    """The service that an object belongs to."""
    label: str = object_["metadata"]["labels"]["app.kubernetes.io/component"]
    return label


def uids(objects: list[Object]) -> set[str]:
    """What tells objects of the same name apart."""
    return {each["metadata"]["uid"] for each in objects}
