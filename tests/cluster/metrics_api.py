"""A custom metrics API that answers what a test says, registered by aggregation.

It stands for an adapter of Prometheus (Kubernetes custom metrics API, ``custom.metrics.k8s.io``).
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.cluster.cluster import Cluster
from tests.cluster.control_plane import HOST
from tests.support.certificates import base64_of

GROUP = "custom.metrics.k8s.io"
VERSION = "v1beta2"
NAME, NAMESPACE = "custom-metrics", "default"
RESOURCES = {"apiVersion": "v1", "kind": "APIResourceList", "groupVersion": f"{GROUP}/{VERSION}"}


class PodMetrics:
    """What the pods of a namespace report, by name of the metric; every pod the same."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.values: dict[str, int] = {}

    def answer(self, address: str) -> tuple[int, dict[str, Any]]:
        """Status and body for ``GET address``."""
        url = urlsplit(address)
        match unquote(url.path).strip("/").split("/")[3:]:
            case []:
                return 200, {**RESOURCES, "resources": []}
            case ["namespaces", namespace, "pods", "*", metric] if metric in self.values:
                selector = parse_qs(url.query).get("labelSelector", [""])[0]
                return 200, self._values(namespace, selector, metric)
            case _:
                return 404, {"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": 404}

    def _values(self, namespace: str, selector: str, metric: str) -> dict[str, Any]:
        pods = self._cluster.items("pods", namespace, selector)
        items = [
            {
                "describedObject": {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "namespace": namespace,
                    "name": pod["metadata"]["name"],
                },
                "metric": {"name": metric},
                "timestamp": "2026-01-01T00:00:00Z",
                "value": str(self.values[metric]),
            }
            for pod in pods
        ]
        kind = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "MetricValueList"}
        return {**kind, "metadata": {}, "items": items}


@contextmanager
def served_pod_metrics(cluster: Cluster) -> Iterator[PodMetrics]:
    """Serve the API, on loopback, while the block runs."""
    assert cluster.control_plane is not None
    authority = cluster.control_plane.authority
    certificate, key = authority.issue(NAME, NAME, hosts=[f"{NAME}.{NAMESPACE}.svc"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    metrics = PodMetrics(cluster)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, document = metrics.answer(self.path)
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with _registered(cluster, server.server_port, base64_of(authority.certificate)):
                yield metrics
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def _registered(cluster: Cluster, port: int, ca_bundle: str) -> Iterator[None]:
    # The address of an endpoint cannot be loopback, but the name of an external service can.
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {"type": "ExternalName", "externalName": "localhost"},
    }
    api_service = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"{VERSION}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "version": VERSION,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "caBundle": ca_bundle,
            "service": {"name": NAME, "namespace": NAMESPACE, "port": port},
        },
    }
    cluster.apply(service, api_service)
    try:
        cluster.kubectl(
            "wait", f"apiservice/{VERSION}.{GROUP}", "--for=condition=Available", "--timeout=60s"
        )
        yield
    finally:
        cluster.kubectl("delete", "apiservice", f"{VERSION}.{GROUP}")
        cluster.kubectl("delete", "service", NAME, f"-n={NAMESPACE}")
