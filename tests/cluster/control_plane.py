"""A Kubernetes control plane: etcd, API server, controller manager, scheduler."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric import ec

from tests.cluster.processes import Processes
from tests.support.certificates import Authority, write_key

HOST = "127.0.0.1"
SERVICE_ADDRESSES = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"


class ControlPlane:
    """Starts the programs, each when what it needs answers; stops them when the block ends.

    Args:
        binaries: The folder with the programs.
        folder: Receives certificates, the data of etcd, and one log per program.
        address: Where the API server listens.

    Attributes:
        kubeconfig: Of an administrator.
        authority: Signs the certificates of the cluster.
    """

    def __init__(self, binaries: Path, folder: Path, address: str = HOST) -> None:
        self._binaries = binaries
        self.folder = folder
        self._address = address
        self._etcd_port, peer_port, self.port = free_ports(3)
        self._peer_url = f"http://{HOST}:{peer_port}"
        self.authority = Authority(folder)
        self.server = f"https://{address}:{self.port}"
        self.kubeconfig = self.authority.kubeconfig(
            "admin", self.server, "admin", groups=["system:masters"]
        )
        self._service_account_key = write_key(
            folder / "service-account.key", ec.generate_private_key(ec.SECP256R1())
        )
        self.processes = Processes(folder)

    def __enter__(self) -> Self:
        with ExitStack() as on_failure:
            on_failure.callback(self.processes.stop)
            self._start_etcd()
            self.start_api_server()
            self._start_controllers()
            on_failure.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.processes.stop()

    def start(self, program: str, *arguments: str) -> None:
        """Start one of the programs."""
        self.processes.start(program, self._binaries / program, *arguments)

    def start_api_server(self) -> None:
        """Start the API server and wait until it is ready."""
        hosts = ["kubernetes.default.svc", self._address, API_SERVICE_ADDRESS]
        authority = self.authority
        certificate, key = authority.issue("apiserver", "kube-apiserver", hosts=hosts)
        proxy_certificate, proxy_key = authority.issue("front-proxy", "front-proxy-client")
        kubelet_certificate, kubelet_key = authority.issue(
            "apiserver-kubelet", "kube-apiserver", groups=["system:masters"]
        )
        self.start(
            "kube-apiserver",
            f"--etcd-servers=http://{HOST}:{self._etcd_port}",
            f"--bind-address={self._address}",
            f"--advertise-address={self._address}",
            f"--secure-port={self.port}",
            # Endpoints cannot be loopback addresses.
            *(["--endpoint-reconciler-type=none"] if self._address == HOST else []),
            f"--tls-cert-file={certificate}",
            f"--tls-private-key-file={key}",
            f"--client-ca-file={authority.certificate}",
            f"--kubelet-certificate-authority={authority.certificate}",
            f"--kubelet-client-certificate={kubelet_certificate}",
            f"--kubelet-client-key={kubelet_key}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--service-account-key-file={self._service_account_key}",
            f"--service-account-signing-key-file={self._service_account_key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-cluster-ip-range={SERVICE_ADDRESSES}",
            "--authorization-mode=Node,RBAC",
            "--allow-privileged",
            f"--requestheader-client-ca-file={authority.certificate}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-username-headers=X-Remote-User",
            f"--proxy-client-cert-file={proxy_certificate}",
            f"--proxy-client-key-file={proxy_key}",
        )
        self.processes.wait_until("kube-apiserver", lambda: self._answers("/readyz"))

    def stop_api_server(self) -> None:
        """Stop the API server; what has been written stays in etcd."""
        self.processes.end("kube-apiserver")

    def start_kwok(self) -> None:
        """Start what plays the kubelets of annotated nodes: their pods run, without containers."""
        self.start(
            "kwok",
            f"--kubeconfig={self.kubeconfig}",
            f"--config={self._binaries / 'stages.yaml'}",
            "--manage-all-nodes=false",
            "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
            "--node-lease-duration-seconds=40",
        )

    def _start_etcd(self) -> None:
        url = f"http://{HOST}:{self._etcd_port}"
        self.start(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={url}",
            f"--advertise-client-urls={url}",
            f"--listen-peer-urls={self._peer_url}",
            f"--initial-advertise-peer-urls={self._peer_url}",
            f"--initial-cluster=default={self._peer_url}",
            "--unsafe-no-fsync",
        )
        self.processes.wait_until("etcd", self._etcd_answers)

    def _start_controllers(self) -> None:
        kubeconfig = f"--kubeconfig={self.kubeconfig}"
        self.start(
            "kube-controller-manager",
            kubeconfig,
            "--leader-elect=false",
            "--secure-port=0",
            f"--root-ca-file={self.authority.certificate}",
            f"--service-account-private-key-file={self._service_account_key}",
            "--use-service-account-credentials",
            "--horizontal-pod-autoscaler-sync-period=5s",
            # Pods of nodes that could not renew their leases, as while the API server is away, are
            # marked as not ready. A kubelet takes that back; kwok does not.
            "--node-monitor-grace-period=10m",
        )
        self.start("kube-scheduler", kubeconfig, "--leader-elect=false", "--secure-port=0")

    def _answers(self, path: str) -> bool:
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        connection = http.client.HTTPSConnection(
            self._address, self.port, timeout=2, context=context
        )
        return _is_ok(connection, path)

    def _etcd_answers(self) -> bool:
        return _is_ok(http.client.HTTPConnection(HOST, self._etcd_port, timeout=2), "/health")


def free_ports(count: int) -> Sequence[int]:
    """Ports of loopback that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [int(each.getsockname()[1]) for each in sockets]


def _is_ok(connection: http.client.HTTPConnection, path: str) -> bool:
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
