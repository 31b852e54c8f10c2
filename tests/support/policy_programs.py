"""What shows that NetworkPolicies are enforced, built from Go modules once: see ``built_once``."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.support.go_programs import built_once, go

PROBE = Path(__file__).parent / "go" / "probe"
KUBE_ROUTER = "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router@v2.1.0"


def policy_programs() -> Path:
    """The folder with ``kube-router`` and ``probe``; raises as ``built_once`` does."""
    digest = hashlib.sha256(KUBE_ROUTER.encode())
    for source in sorted(PROBE.iterdir()):
        digest.update(source.read_bytes())
    return built_once(f"policies-{digest.hexdigest()[:16]}", _build)


def _build(folder: Path) -> None:
    go("build", "-C", PROBE, "-ldflags=-s -w", "-o", folder / "probe")
    go("install", "-ldflags=-s -w", KUBE_ROUTER, GOBIN=str(folder))
