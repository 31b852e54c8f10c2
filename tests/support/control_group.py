"""Control groups that limit memory, as containers have them; of the first or the second version."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

_numbers = itertools.count()


class ControlGroup:
    """A group below that of this process."""

    def __init__(self, folder: Path, parent: Path, version: int) -> None:
        self._folder, self._parent, self._version = folder, parent, version

    def limit(self, memory_bytes: int) -> None:
        """Let the group take this much, and swap none."""
        limit, swap = (
            ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
            if self._version == 1
            else ("memory.max", "memory.swap.max")
        )
        (self._folder / limit).write_text(str(memory_bytes), encoding="ascii")
        with suppress(OSError):  # not everywhere is swap counted
            most = memory_bytes if self._version == 1 else 0
            (self._folder / swap).write_text(str(most), encoding="ascii")

    @contextmanager
    def entered(self) -> Iterator[None]:
        """What this process starts meanwhile is in the group."""
        self._move(self._folder)
        try:
            yield
        finally:
            self._move(self._parent)

    @property
    def held_bytes(self) -> int:
        """Memory of its processes; not the cache of files, which the system takes back."""
        anonymous, shared = (
            ("total_rss", "total_shmem") if self._version == 1 else ("anon", "shmem")
        )
        counted = dict(line.split() for line in self._read("memory.stat").splitlines())
        return int(counted[anonymous]) + int(counted.get(shared, 0))

    @property
    def most_bytes(self) -> int:
        """The most that it has used, with the cache of files."""
        name = "memory.max_usage_in_bytes" if self._version == 1 else "memory.peak"
        return int(self._read(name))

    @property
    def kills(self) -> int:
        """How many processes were killed because the memory was used up."""
        name = "memory.oom_control" if self._version == 1 else "memory.events"
        counted = dict(line.split() for line in self._read(name).splitlines())
        return int(counted["oom_kill"])

    def remove(self) -> None:
        """Remove the group; its processes have ended."""
        until = time.monotonic() + 30
        while True:
            try:
                self._folder.rmdir()
                return
            except OSError:  # an ended process is not counted out yet
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def _read(self, name: str) -> str:
        return (self._folder / name).read_text(encoding="ascii")

    @staticmethod
    def _move(folder: Path) -> None:
        (folder / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")


@contextmanager
def control_group(memory_bytes: int) -> Iterator[ControlGroup]:
    """A group with a limit of memory; skips the test where this process may make none."""
    version, parent = _own_group()
    folder = parent / f"podium-{os.getpid()}-{next(_numbers)}"
    try:
        if version == 2:
            (parent / "cgroup.subtree_control").write_text("+memory", encoding="ascii")
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made: {error}")
    group = ControlGroup(folder, parent, version)
    try:
        try:
            group.limit(memory_bytes)
        except OSError as error:
            pytest.skip(f"the memory of a control group cannot be limited: {error}")
        yield group
    finally:
        group.remove()


def _own_group() -> tuple[int, Path]:
    """Version and folder of the group of this process that counts memory."""
    own = [line.split(":", 2) for line in _lines("/proc/self/cgroup")]
    mounts = [line.split() for line in _lines("/proc/mounts")]
    for _, controllers, path in own:
        for _, point, kind, options, *_ in mounts:
            if "memory" in controllers.split(",") and kind == "cgroup" and "memory" in options:
                return 1, Path(point, path.lstrip("/"))
            if not controllers and kind == "cgroup2":
                folder = Path(point, path.lstrip("/"))
                with suppress(OSError):
                    if "memory" in (folder / "cgroup.controllers").read_text().split():
                        return 2, folder
    pytest.skip("memory is not counted in control groups here")


def _lines(path: str) -> list[str]:
    with suppress(OSError):
        return Path(path).read_text(encoding="utf-8").splitlines()
    return []
