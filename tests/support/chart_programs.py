"""Chart tools and other people's schemas, taken from published Go modules."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.support.cluster_programs import HELM
from tests.support.go_programs import built_once, go

INSTALLED = (
    HELM,
    "github.com/norwoodj/helm-docs/cmd/helm-docs@v1.14.2",
    "github.com/zegl/kube-score/cmd/kube-score@v1.20.0",
)
DEVICE_PLUGIN = Path(__file__).parent / "go" / "device-plugin"
"""Reads configurations with the code of NVIDIA's plugin."""

EKSCTL = "github.com/weaveworks/eksctl@v0.230.0"
GATEWAY_API = "sigs.k8s.io/gateway-api@v1.4.0"
KARPENTER = "sigs.k8s.io/karpenter@v1.14.1"
KARPENTER_AWS = "github.com/aws/karpenter-provider-aws@v1.14.1"
KEDA = "github.com/kedacore/keda/v2@v2.20.2"
NVIDIA_DEVICE_PLUGIN = "github.com/NVIDIA/k8s-device-plugin@v0.19.0"
PROMETHEUS_OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.92.0"


def chart_programs() -> Path:
    """The folder with helm, helm-docs, kube-score and device-plugin; built on the first call.

    Raises:
        NoGo: nothing can build them.
        subprocess.CalledProcessError: the build failed; the compiler has printed why.
    """
    digest = hashlib.sha256("\n".join(INSTALLED).encode())
    for source in sorted(DEVICE_PLUGIN.iterdir()):
        digest.update(source.read_bytes())
    return built_once(f"charts-{digest.hexdigest()[:16]}", _build)


def _build(folder: Path) -> None:
    for package in INSTALLED:
        go("install", "-ldflags=-s -w", package, GOBIN=str(folder))
    go("build", "-C", DEVICE_PLUGIN, "-ldflags=-s -w", "-o", folder / DEVICE_PLUGIN.name)
