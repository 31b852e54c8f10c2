"""The programs of a Kubernetes cluster, built from published Go modules once.

They are kept in a folder named after their sources, so a changed version is built anew.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from tests.support.go_programs import built_once, go, module_folder

SOURCES = Path(__file__).parent / "go"
MODULES = ("coredns", "etcd", "kubernetes", "pause")
PROGRAMS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
)
KWOK = "v0.8.0"
HELM = "helm.sh/helm/v4/cmd/helm@v4.3.1"
INSTALLED = (f"sigs.k8s.io/kwok/cmd/kwok@{KWOK}", HELM)
"""Programs whose own module is enough to build them."""

STAGES = (
    "node/fast/node-initialize",
    "node/heartbeat-with-lease/node-heartbeat-with-lease",
    "pod/fast/pod-ready",
    "pod/fast/pod-complete",
    "pod/fast/pod-delete",
)
"""What kwok does to nodes and pods, from the files of its module."""


def binaries() -> Path:
    """The folder with all programs; built on the first call, which takes many minutes.

    Raises:
        NoGo: nothing can build them.
        subprocess.CalledProcessError: the build failed; the compiler has printed why.
    """
    return built_once(_digest(), _build)


def kubernetes_version() -> str:
    """The version that ``kubernetes/go.mod`` requires, such as ``v1.36.3``."""
    text = (SOURCES / "kubernetes" / "go.mod").read_text()
    found = re.search(r"k8s\.io/kubernetes (v[0-9.]+)", text)
    assert found
    return found[1]


def _digest() -> str:
    digest = hashlib.sha256("\n".join(INSTALLED + STAGES).encode())
    for module in MODULES:
        for source in sorted((SOURCES / module).iterdir()):
            digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _build(folder: Path) -> None:
    for module in ("pause", "etcd", "coredns"):
        go("build", "-C", SOURCES / module, "-ldflags=-s -w", "-o", folder / module)
    for package in INSTALLED:
        go("install", "-ldflags=-s -w", package, GOBIN=str(folder))
    (folder / "stages.yaml").write_text(_stages())
    flags = f"-ldflags=-s -w {_version_flags()}"
    go("build", "-C", SOURCES / "kubernetes", flags, "-o", folder / "kubernetes")
    for program in PROGRAMS:
        (folder / program).symlink_to("kubernetes")


def _stages() -> str:
    folder = module_folder(f"sigs.k8s.io/kwok@{KWOK}") / "kustomize" / "stage"
    return "---\n".join((folder / f"{stage}.yaml").read_text() for stage in STAGES)


def _version_flags() -> str:
    """Without them the API server says v0.0.0, which charts and clients refuse."""
    version = kubernetes_version()
    major, minor, _ = version.removeprefix("v").split(".")
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return " ".join(
        f"-X {package}.{name}={value}"
        for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
        for name, value in values.items()
    )
