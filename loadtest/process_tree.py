"""Processor time and memory of a process with the processes that it started."""

from __future__ import annotations

import psutil


def cpu_s(pid: int) -> float:
    """User and system time so far, that of processes which have ended included."""
    total = 0.0
    for process in _tree(pid):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def memory_mb(pid: int) -> dict[str, float]:
    """Resident memory of the process, and the shares of all (PSS): started ones share pages."""
    resident, share = psutil.Process(pid).memory_info().rss / 1e6, 0.0
    for process in _tree(pid):
        try:
            share += process.memory_full_info().pss / 1e6
        except psutil.NoSuchProcess:
            continue
    return {"rss": round(resident, 1), "pss": round(share, 1)}


def _tree(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]
