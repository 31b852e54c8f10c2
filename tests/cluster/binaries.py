"""Builds the programs of a Kubernetes cluster from published Go modules, once.

``PODIUM_CLUSTER_CACHE`` names the folder they are kept in (``~/.cache/podium/cluster`` unless
set); they go into a sub-folder named after their sources, so a changed version is built anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

SOURCES = Path(__file__).parent
PROGRAMS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
)
KWOK = "v0.8.0"
INSTALLED = (f"sigs.k8s.io/kwok/cmd/kwok@{KWOK}", "helm.sh/helm/v4/cmd/helm@v4.3.1")
"""Programs whose own module is enough to build them."""

STAGES = (
    "node/fast/node-initialize",
    "node/heartbeat-with-lease/node-heartbeat-with-lease",
    "pod/fast/pod-ready",
    "pod/fast/pod-complete",
    "pod/fast/pod-delete",
)
"""What kwok does to nodes and pods, from the files of its module."""


class NoGo(Exception):
    """There is no ``go`` command, and the programs have not been built before."""


def binaries() -> Path:
    """The folder with all programs; built on the first call, which takes many minutes.

    Raises:
        NoGo: nothing can build them.
        subprocess.CalledProcessError: the build failed; the compiler has printed why.
    """
    default = Path.home() / ".cache" / "podium" / "cluster"
    cache = Path(os.environ.get("PODIUM_CLUSTER_CACHE") or default).absolute()
    folder = cache / _digest()
    if not folder.is_dir() and shutil.which("go") is None:
        raise NoGo("the programs of a cluster are not built, and there is no Go to build them with")
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another run may be building
        if not folder.is_dir():
            _build(folder)
    return folder


def kubernetes_version() -> str:
    """The version that ``kubernetes/go.mod`` requires, such as ``v1.36.3``."""
    text = (SOURCES / "kubernetes" / "go.mod").read_text()
    found = re.search(r"k8s\.io/kubernetes (v[0-9.]+)", text)
    assert found
    return found[1]


def _digest() -> str:
    digest = hashlib.sha256("\n".join(INSTALLED + STAGES).encode())
    for source in sorted(SOURCES.glob("*/*.go")) + sorted(SOURCES.glob("*/go.*")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _build(folder: Path) -> None:
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    started = time.monotonic()
    print(
        f"Building Kubernetes {kubernetes_version()} and what goes with it (once) ...", flush=True
    )
    for module in ("pause", "etcd", "coredns"):
        _go("build", "-C", SOURCES / module, "-ldflags=-s -w", "-o", partial / module)
    for package in INSTALLED:
        _go("install", "-ldflags=-s -w", package, GOBIN=str(partial))
    (partial / "stages.yaml").write_text(_stages())
    flags = f"-ldflags=-s -w {_version_flags()}"
    _go("build", "-C", SOURCES / "kubernetes", flags, "-o", partial / "kubernetes")
    for program in PROGRAMS:
        (partial / program).symlink_to("kubernetes")
    partial.rename(folder)
    size_mb = sum(path.stat().st_size for path in folder.iterdir() if not path.is_symlink()) / 1e6
    print(f"Built in {time.monotonic() - started:.0f} s: {folder} ({size_mb:.0f} MB)", flush=True)


def _stages() -> str:
    described = _go("mod", "download", "-json", f"sigs.k8s.io/kwok@{KWOK}")
    folder = Path(json.loads(described)["Dir"]) / "kustomize" / "stage"
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


def _go(command: str, *arguments: str | Path, **environment: str) -> str:
    flags = f"{os.environ.get('GOFLAGS', '')} -trimpath"
    done = subprocess.run(
        ["go", command, *map(str, arguments)],
        env=os.environ | environment | {"GOFLAGS": flags.strip(), "CGO_ENABLED": "0"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout
