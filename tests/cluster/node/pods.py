"""Pods that the Pod Security Standard *restricted* admits."""

from __future__ import annotations

from collections.abc import Mapping

from tests.cluster.cluster import Object


def restricted_pod(
    name: str, image: str, *, labels: Mapping[str, str], **container: object
) -> Object:
    """A pod of one container; ``container`` are more of its fields, such as ``args``."""
    security = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": dict(labels)},
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [
                {"name": name, "image": image, "securityContext": security, **container}
            ],
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "terminationGracePeriodSeconds": 5,
        },
    }
