"""The restrictions that a process puts on itself before it decodes media."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from contextlib import suppress
from pathlib import Path

from podium.containment.syscalls import filter_program
from podium.open_files import allow_most_open_files

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_SECCOMP_MODE_FILTER = 2
_CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def leave_network() -> None:
    """Move this process and those that it forks into a network of their own, where that is allowed.

    In containers it seldom is; there the system calls for it are refused (``lock_up``).
    """
    _libc.unshare(_CLONE_NEWNET)


def lock_up(memory_bytes: int) -> None:
    """Restrict this process for good.

    From now on it can write to no file, leave no core dump and gain no privileges. It ends with its
    parent, and the kernel ends it first if memory runs out. Where Linux can filter system calls, it
    cannot open files, use the network, start programs or signal other processes. Those that it is
    sent may be as many as the system allows: one for each block of frames that is kept.

    Args:
        memory_bytes: Address space that it may take in addition to what it has.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    allow_most_open_files()
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if (code := filter_program(os.getpid())) is not None:
        program = _Program(len(code) // 8, code)
        _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)
