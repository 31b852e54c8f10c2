"""Gateways as processes beside a cluster, with the credentials of a pod."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from podium.local.service_process import ServiceProcess
from podium.local.stack import Stack, free_ports
from tests.cluster.cluster import Cluster, eventually

NAMESPACE = "podium-pipelines"
LEASE_S = 15.0
RECONNECT_S = 40.0
"""The longest wait between attempts to reach the API server, and some."""


class Gateways:
    """Replicas of the gateway."""

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


@contextmanager
def running(
    cluster: Cluster, service_account: Path, stages: Stack, count: int, **environment: str
) -> Iterator[Gateways]:
    """Gateways that are ready, while the block runs.

    Args:
        cluster: Whose API server they ask.
        service_account: Folder with their credentials.
        stages: The services that they call.
        count: How many there are.
        environment: Settings that differ from those of the chart.
    """
    server = urlsplit(
        json.loads(cluster.kubectl("config", "view", "--minify", "-o=json"))["clusters"][0][
            "cluster"
        ]["server"]
    )
    settings = {
        "KUBERNETES_SERVICE_HOST": server.hostname or "",
        "KUBERNETES_SERVICE_PORT": str(server.port or 443),
        "PODIUM_GATEWAY_SERVICE_ACCOUNT": str(service_account),
        "PODIUM_GATEWAY_WATCH_PIPELINES": "true",
        "PODIUM_LOG_LEVEL": "debug",
        "NO_PROXY": "*",
        **{
            f"PODIUM_GATEWAY_{s.upper()}_URL": url
            for s, url in stages.urls.items()
            if s != "gateway"
        },
        **environment,
    }
    gateways = Gateways([])
    with ExitStack() as on_end:
        for port in list(free_ports().values())[:count]:
            log: list[str] = []
            process = ServiceProcess(
                "gateway",
                "127.0.0.1",
                port,
                settings,
                lambda _, line, log=log: log.append(line),
                without=["KUBECONFIG"],
            )
            gateways.logs.append(log)
            on_end.callback(process.wait, 10)
            on_end.callback(process.kill)
            gateways.processes.append(process)
        assert eventually(lambda: all(p.is_ready() for p in gateways.processes), within_s=60)
        yield gateways


def write_credentials(cluster: Cluster, account: str, folder: Path) -> None:
    """Fill a folder as the kubelet mounts it into the pods of a service account."""
    in_namespace = f"--namespace={NAMESPACE}"
    token = cluster.kubectl("create", "token", account, in_namespace, "--duration=1h")
    (folder / "token").write_text(token.strip())
    published = eventually(
        lambda: cluster.kubectl(
            "get", "configmap", "kube-root-ca.crt", in_namespace, "--ignore-not-found", "-o=json"
        ),
        within_s=30,
    )
    (folder / "ca.crt").write_text(json.loads(published)["data"]["ca.crt"])
    (folder / "namespace").write_text(NAMESPACE)
