"""A real node: containerd, kubelet and kube-proxy in a machine of their own."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from tests.cluster.control_plane import ControlPlane
from tests.cluster.node.image import write_image
from tests.cluster.node.machine import ADDRESS, HOST_ADDRESS, PLUGINS, Machine
from tests.cluster.processes import Processes

NAME = "podium-node"
PODS = "10.244.0.0/24"
PAUSE = "podium.local/pause:1"
CONTAINERD = "/run/containerd/containerd.sock"
DOMAIN, DNS_PORT = "cluster.local", 53
LABELS = {"podium.dev/pool": "m5", "karpenter.k8s.aws/instance-family": "m5"}


class Node:
    """Joins the machine to the cluster while the block runs.

    Args:
        programs: Folder of ``binaries()``.
        machine: Where it runs.
        control_plane: Of its cluster.
        folder: For settings and logs.
    """

    def __init__(
        self, programs: Path, machine: Machine, control_plane: ControlPlane, folder: Path
    ) -> None:
        self._programs = programs
        self._machine = machine
        self._control_plane = control_plane
        self._folder = folder
        self._processes = Processes(folder)

    def __enter__(self) -> Self:
        with ExitStack() as on_failure:
            on_failure.callback(self._processes.stop)
            self._start_dns()
            self._start_containerd()
            write_image(self._folder / "pause.tar", PAUSE, self._programs / "pause")
            self.import_image(self._folder / "pause.tar")
            self._start_kubelet()
            self._start_proxy()
            on_failure.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._processes.stop()

    def import_image(self, archive: Path) -> None:
        """Make the images of an archive known to the node, under the names that they have in it."""
        self._machine.run("ctr", "--namespace=k8s.io", "images", "import", archive)

    def enforce_policies(self, kube_router: Path) -> None:
        """Have NetworkPolicies enforced from now on, by kube-router's firewall alone."""
        kubeconfig = self._kubeconfig("kube-router", "kube-router", "system:masters")
        self._start(
            "kube-router",
            kube_router,
            f"--kubeconfig={kubeconfig}",
            f"--hostname-override={NAME}",
            "--run-firewall=true",
            "--run-router=false",
            "--run-service-proxy=false",
            "--run-loadbalancer=false",
        )

    def _start_dns(self) -> None:
        kubeconfig = self._kubeconfig("dns", "dns", "system:masters")
        settings = self._folder / "Corefile"
        settings.write_text(
            f"{DOMAIN} {{\n bind {HOST_ADDRESS}\n errors\n"
            f" kubernetes {DOMAIN} {{\n  kubeconfig {kubeconfig}\n }}\n}}\n"
        )
        self._processes.start("coredns", self._programs / "coredns", f"-conf={settings}")
        self._processes.wait_until("coredns", _dns_accepts)

    def _start_containerd(self) -> None:
        network = {
            "cniVersion": "1.0.0",
            "name": "podium",
            "plugins": [
                {
                    "type": "bridge",
                    "bridge": "cni0",
                    "isGateway": True,
                    "ipMasq": True,
                    "hairpinMode": True,
                    "ipam": {
                        "type": "host-local",
                        "ranges": [[{"subnet": PODS}]],
                        "routes": [{"dst": "0.0.0.0/0"}],
                    },
                },
                {"type": "portmap", "capabilities": {"portMappings": True}},
            ],
        }
        networks = self._folder / "networks"
        networks.mkdir()
        (networks / "podium.conflist").write_text(json.dumps(network))
        settings = self._folder / "containerd.toml"
        settings.write_text(
            f"""
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  disable_apparmor = true
  restrict_oom_score_adj = true  # for machines whose root lacks CAP_SYS_RESOURCE
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{PLUGINS}"
    conf_dir = "{networks}"
"""
        )
        self._start("containerd", "containerd", f"--config={settings}")
        endpoint = self._folder / "run" / Path(CONTAINERD).relative_to("/run")
        self._processes.wait_until("containerd", endpoint.exists)

    def _start_kubelet(self) -> None:
        authority = self._control_plane.authority
        certificate, key = authority.issue("kubelet-server", NAME, hosts=[NAME, ADDRESS])
        kubeconfig = self._kubeconfig("kubelet", f"system:node:{NAME}", "system:nodes")
        settings = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": ADDRESS,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": False},
                "x509": {"clientCAFile": str(authority.certificate)},
            },
            "authorization": {"mode": "AlwaysAllow"},
            "tlsCertFile": str(certificate),
            "tlsPrivateKeyFile": str(key),
            "containerRuntimeEndpoint": f"unix://{CONTAINERD}",
            # This holds where a machine still has control groups of version 1, and swap.
            "cgroupDriver": "cgroupfs",
            "failCgroupV1": False,
            "failSwapOn": False,
            # Images are imported: what a full disk makes the kubelet delete does not come back.
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {"nodefs.available": "0%", "imagefs.available": "0%"},
            "clusterDomain": DOMAIN,
            "clusterDNS": [HOST_ADDRESS],
        }
        self._start(
            "kubelet",
            self._programs / "kubelet",
            f"--config={self._written('kubelet.json', settings)}",
            f"--kubeconfig={kubeconfig}",
            f"--hostname-override={NAME}",
            f"--node-ip={ADDRESS}",
            f"--node-labels={','.join(f'{key}={value}' for key, value in LABELS.items())}",
        )

    def _start_proxy(self) -> None:
        kubeconfig = self._kubeconfig("kube-proxy", "system:kube-proxy")
        settings = {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "clientConnection": {"kubeconfig": str(kubeconfig)},
            "clusterCIDR": PODS,
            "nodePortAddresses": ["primary"],
            "hostnameOverride": NAME,
            "conntrack": {"maxPerCore": 0, "min": 0},  # these are settings of the host
        }
        settings_file = self._written("kube-proxy.json", settings)
        self._start("kube-proxy", self._programs / "kube-proxy", f"--config={settings_file}")

    def _start(self, name: str, *command: str | Path) -> None:
        self._processes.start(name, *self._machine.command(*command))

    def _kubeconfig(self, name: str, subject: str, *groups: str) -> Path:
        control_plane = self._control_plane
        return control_plane.authority.kubeconfig(
            name, control_plane.server, subject, groups=groups
        )

    def _written(self, name: str, settings: Mapping[str, Any]) -> Path:
        path = self._folder / name
        path.write_text(json.dumps(settings))
        return path


def _dns_accepts() -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST_ADDRESS, DNS_PORT)) == 0
