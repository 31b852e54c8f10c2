"""A cluster as its administrator sees it: ``kubectl`` and ``helm``."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from tests.cluster.control_plane import ControlPlane
from tests.support.nodes import Manifest, nodes

Object = dict[str, Any]


class CommandFailed(Exception):
    """A command ended with an error; the text is what it said."""


class Cluster:
    """Runs ``kubectl`` and ``helm`` against one cluster.

    Args:
        kubeconfig: Of an administrator.
        programs: Folder of ``kubectl`` and ``helm``; None: they are on the PATH.
        control_plane: Set if the cluster is ours alone, on this machine, with kwok nodes.
    """

    def __init__(
        self,
        kubeconfig: Path,
        programs: Path | None = None,
        control_plane: ControlPlane | None = None,
    ) -> None:
        self.kubeconfig = kubeconfig
        self.control_plane = control_plane
        path = os.environ["PATH"]
        self._environment = os.environ | {
            "KUBECONFIG": str(kubeconfig),
            "PATH": path if programs is None else f"{programs}:{path}",
        }

    def kubectl(self, *arguments: str, stdin: object = None) -> str:
        """What ``kubectl`` prints; ``stdin`` is sent to it as JSON.

        Raises:
            CommandFailed: with what it says.
        """
        return self._run(["kubectl", *arguments], None if stdin is None else json.dumps(stdin))

    def helm(self, *arguments: str) -> str:
        """What ``helm`` prints; raises CommandFailed with what it says."""
        return self._run(["helm", *arguments], None)

    @contextmanager
    def started(self, *command: str) -> Iterator[subprocess.Popen[str]]:
        """A command that runs beside the block, at most as long; what it prints is a pipe."""
        with subprocess.Popen(
            command, env=self._environment, stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def get(self, *arguments: str) -> Object:
        """An object, or a list of objects, as ``kubectl get`` names them."""
        document: Object = json.loads(self.kubectl("get", *arguments, "--output=json"))
        return document

    def items(self, kind: str, namespace: str, selector: str = "") -> list[Object]:
        """The objects of a kind in a namespace."""
        found: list[Object] = self.get(kind, f"--namespace={namespace}", f"--selector={selector}")[
            "items"
        ]
        return found

    def apply(self, *manifests: Manifest) -> None:
        """``kubectl apply``, server-side."""
        for manifest in manifests:
            self.kubectl("apply", "--server-side", "--force-conflicts", "-f=-", stdin=manifest)

    def is_healthy(self) -> bool:
        """Whether the API server is ready."""
        try:
            return self.kubectl("get", "--raw=/readyz") == "ok"
        except CommandFailed:
            return False

    @contextmanager
    def namespace(self, name: str) -> Iterator[str]:
        """A namespace that admits only pods of the Pod Security Standard *restricted*."""
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        metadata = {"name": name, "labels": labels}
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        try:
            # No pod is admitted before it is there.
            default = ("serviceaccount/default", f"--namespace={name}")
            self.kubectl("wait", *default, "--for=create", "--timeout=60s")
            yield name
        finally:
            self.kubectl("delete", "namespace", name, "--timeout=60s")

    def _run(self, command: list[str], stdin: str | None) -> str:
        done = subprocess.run(
            command, input=stdin, env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise CommandFailed(f"{' '.join(command[:4])}: {done.stderr.strip()}")
        return done.stdout


@contextmanager
def own_cluster(programs: Path, folder: Path) -> Iterator[Cluster]:
    """A control plane on loopback with kwok nodes, while the block runs.

    Args:
        programs: Folder of ``binaries()``.
        folder: For certificates, data and logs.
    """
    with ControlPlane(programs, folder) as control_plane:
        control_plane.start_kwok()
        cluster = Cluster(control_plane.kubeconfig, programs, control_plane)
        cluster.kubectl(
            "create", "-f=-", stdin={"apiVersion": "v1", "kind": "List", "items": nodes()}
        )
        cluster.kubectl("wait", "nodes", "--all", "--for=condition=Ready", "--timeout=60s")
        yield cluster


T = TypeVar("T")


def eventually(read: Callable[[], T], *, within_s: float, period_s: float = 0.2) -> T:
    """Read until the value is true; the last value, whatever it is, when the time is over."""
    deadline = time.monotonic() + within_s
    while not (value := read()) and time.monotonic() < deadline:
        time.sleep(period_s)
    return value
