"""Nodes in the shapes of EC2 instances, for kwok to play.

What pods can have of an instance is what Karpenter documents for Amazon Linux 2023 (instance types
reference), but for a disk of 100 GiB.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
Manifest = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Shape:
    """An instance type and the node pool that it belongs to."""

    instance_type: str
    resources: dict[str, str]
    labels: dict[str, str] = field(default_factory=dict)
    taints: list[dict[str, str]] = field(default_factory=list)

    @property
    def family(self) -> str:
        """Such as ``m5``; also the name of the pool."""
        return self.instance_type.partition(".")[0]


M5 = Shape(
    "m5.4xlarge",
    {"cpu": "15890m", "memory": "57691Mi", "ephemeral-storage": "89Gi", "pods": "234"},
)
G4DN = Shape(
    "g4dn.xlarge",
    {
        "cpu": "3920m",
        "memory": "14481Mi",
        "ephemeral-storage": "89Gi",
        "pods": "29",
        "nvidia.com/gpu": "1",
    },
    labels={"podium.dev/accelerator": "t4", "karpenter.k8s.aws/instance-gpu-name": "t4"},
    taints=[{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}],
)
POOLS = {M5: 6, G4DN: 14}
"""Room for the three tiers side by side, and for one more pod of each service."""


def nodes() -> list[Manifest]:
    """All nodes of the cluster, evenly over three zones."""
    return [
        _node(shape, index, ZONES[index % len(ZONES)])
        for shape, count in POOLS.items()
        for index in range(count)
    ]


def _node(shape: Shape, index: int, zone: str) -> Manifest:
    name = f"{shape.family}-{index}"
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": shape.instance_type,
        "topology.kubernetes.io/region": zone[:-1],
        "topology.kubernetes.io/zone": zone,
        "karpenter.k8s.aws/instance-family": shape.family,
        "karpenter.sh/capacity-type": "on-demand",
        "podium.dev/pool": shape.family,
        **shape.labels,
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": labels,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
        },
        "spec": {"taints": shape.taints},
        "status": {"capacity": shape.resources, "allocatable": shape.resources},
    }
