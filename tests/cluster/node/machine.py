"""A machine inside this one: network, mounts and processes of its own, gone when it stops.

Everything that a kubelet, containerd and kube-proxy leave behind (interfaces, packet filter rules,
mounts, processes) lives in three kernel namespaces and ends with them. Only control groups and
kernel settings are shared with the host; they are put back.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

HOST_ADDRESS, ADDRESS, PREFIX = "198.18.0.1", "198.18.0.2", 30
"""Of the host and of the machine: from the range for tests of network devices (RFC 2544)."""

LINK = "podium-node"
PRIVATE = ("/run", "/var/lib", "/var/log")
CGROUPS = Path("/sys/fs/cgroup")
POD_CGROUP = "kubepods"
KERNEL_SETTINGS = (
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)
"""What a kubelet sets."""

COMMANDS = ("unshare", "nsenter", "ip", "iptables", "mount", "containerd", "runc")
UNSHARE = (
    *("setpriv", "--pdeathsig=KILL"),  # nothing stays if we are killed
    *("unshare", "--kill-child", "--net", "--mount", "--pid", "--fork", "--mount-proc"),
)
PLUGINS = Path("/usr/lib/cni")
STOP_TIMEOUT_S = 20.0


def why_not() -> str | None:
    """Why this machine cannot have another one inside; None: it can."""
    if os.geteuid() != 0:
        return "a node needs root"
    if missing := [command for command in COMMANDS if shutil.which(command) is None]:
        return f"a node needs {', '.join(missing)} (Debian: containerd runc iproute2 iptables)"
    if not (PLUGINS / "loopback").is_file():
        return f"a node needs plugins in {PLUGINS} (Debian: containernetworking-plugins)"
    if pod_cgroups():
        return "there are pods on this machine, or the remains of some"
    return None


def pod_cgroups() -> list[Path]:
    """Control groups of pods, one per hierarchy (version 1), or one (version 2)."""
    roots = [CGROUPS, *CGROUPS.iterdir()]
    return [root / POD_CGROUP for root in roots if (root / POD_CGROUP).is_dir()]


class Machine:
    """Starts the machine; stops it, and all that runs in it, when the block ends.

    Args:
        init: Its first process: waits, and reaps.
        folder: Receives what the machine writes to ``/run``, ``/var/lib`` and ``/var/log``.
    """

    def __init__(self, init: Path, folder: Path) -> None:
        self._init = init
        self._folder = folder
        self._holder: subprocess.Popen[bytes] | None = None
        self._settings: dict[Path, str] = {}

    def __enter__(self) -> Self:
        paths = [Path("/proc/sys") / setting for setting in KERNEL_SETTINGS]
        self._settings = {path: path.read_text() for path in paths}
        with ExitStack() as on_failure:
            on_failure.callback(self.stop)
            with (self._folder / "machine.log").open("wb") as log:
                self._holder = subprocess.Popen(
                    [*UNSHARE, self._init], stderr=log, start_new_session=True
                )
            while not self._init_pid():
                time.sleep(0.01)
            self._connect()
            for path in PRIVATE:
                own = self._folder / path.strip("/").replace("/", "-")
                own.mkdir()
                self.run("mount", "--bind", str(own), path)
            on_failure.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def command(self, *arguments: str | Path) -> list[str]:
        """The command line that runs ``arguments`` in the machine."""
        enter = ["nsenter", f"--target={self._init_pid()}", "--net", "--mount", "--pid"]
        return [*enter, *map(str, arguments)]

    def run(self, *arguments: str | Path) -> str:
        """What a command says that runs in the machine; raises CalledProcessError."""
        done = subprocess.run(self.command(*arguments), check=True, stdout=-1, text=True)
        return done.stdout

    def stop(self) -> None:
        """End all processes of the machine, and put back what it shares with the host."""
        if self._holder is not None:
            if init := self._init_pid():
                os.kill(int(init), signal.SIGKILL)  # the kernel ends the others of its namespace
            self._holder.wait(STOP_TIMEOUT_S)
            self._holder = None
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while pod_cgroups() and time.monotonic() < deadline:
            for root in pod_cgroups():
                _remove_cgroups(root)
        for path, text in self._settings.items():
            path.write_text(text)

    def _init_pid(self) -> str:
        assert self._holder is not None
        pid = self._holder.pid
        with suppress(FileNotFoundError):
            return Path(f"/proc/{pid}/task/{pid}/children").read_text().strip()
        return ""

    def _connect(self) -> None:
        _ip("link", "add", LINK, "type", "veth", "peer", "eth0", "netns", self._init_pid())
        _ip("address", "add", f"{HOST_ADDRESS}/{PREFIX}", "dev", LINK)
        _ip("link", "set", LINK, "up")
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "address", "add", f"{ADDRESS}/{PREFIX}", "dev", "eth0")
        self.run("ip", "link", "set", "eth0", "up")
        self.run("ip", "route", "add", "default", "via", HOST_ADDRESS)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


def _remove_cgroups(root: Path) -> None:
    """Deepest first; one that still has a dying process is left for the next try."""
    for folder, _, _ in os.walk(root, topdown=False):
        with suppress(OSError):
            Path(folder).rmdir()
