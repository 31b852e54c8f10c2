"""How many processors this process may use, by its affinity and its container's quota.

``os.cpu_count`` counts the processors of the machine: a container limited to 2 of 64 processors
that starts 64 threads is throttled most of the time. Sources: cgroups(7) and the kernel's
documentation of the CPU controller, ``cpu.max`` (version 2) and ``cpu.cfs_quota_us`` (version 1).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_CONTROLLERS = ("", "cpu", "cpu,cpuacct")  # version 2 has one tree, version 1 one per controller


def available_cpus(root: Path = Path("/")) -> int:
    """Whole processors that this process may use, at least 1; a limit of 2.5 counts as 2.

    Args:
        root: The folder with ``proc`` and ``sys``.
    """
    if hasattr(os, "sched_getaffinity"):
        cpus = float(len(os.sched_getaffinity(0)))
    else:
        cpus = float(os.cpu_count() or 1)
    return max(1, int(min([cpus, *_quotas(root)])))


def _quotas(root: Path) -> Iterator[float]:
    """The quotas of the process's cgroups and of all their parents, in processors."""
    for controller in _CONTROLLERS:
        mount = root / "sys" / "fs" / "cgroup" / controller
        for group in _groups(root):
            for folder in (group, *group.parents):
                quota = _quota(mount / folder.relative_to("/"))
                if quota is not None:
                    yield quota


def _groups(root: Path) -> set[PurePosixPath]:
    """Paths of the process's cgroups, and the root, as which a container may see its own."""
    groups = {PurePosixPath("/")}
    try:
        lines = (root / "proc" / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return groups
    for line in lines:
        path = PurePosixPath(line.split(":", 2)[-1])
        if path.is_absolute() and ".." not in path.parts:
            groups.add(path)
    return groups


def _quota(folder: Path) -> float | None:
    try:
        if (folder / "cpu.max").is_file():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text()
            period = (folder / "cpu.cfs_period_us").read_text()
        return int(quota) / int(period) if int(quota) > 0 else None
    except (OSError, ValueError):  # no such controller here, or "max"
        return None
