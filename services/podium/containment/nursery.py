"""``python -m podium.containment.nursery``: forks workers for the process that started it.

It has imported what workers need, so that one costs milliseconds and shares that memory. It never
looks at media, and ends when its parent does.
"""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import signal
import socket
import sys
import time
from contextlib import suppress

import av

from podium.containment.sandbox import leave_network, lock_up
from podium.containment.worker import work

_MOST_BYTES = 64
# A process that is killed closes its sockets some time before it can be waited for.
_HUNG_UP_S = 1.0


def main(memory_bytes: int) -> None:
    """Answer the parent, whose socket is standard input, until it hangs up.

    - ``start``, with a socket: fork a worker that answers on it; the answer is its process id.
    - ``end ID``: kill that worker; the answer is the signal that had ended it before, or 0.
    - ``ended ID``: likewise for a worker that has hung up, which is given a second to end first.

    Args:
        memory_bytes: Address space that a worker may take for decoding.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # they are for the parent, which drains
    leave_network()
    _import_all()
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=0) as parent:
        while True:
            asked, descriptors, _, _ = socket.recv_fds(parent, _MOST_BYTES, 1)
            match asked.split():
                case [b"start"]:
                    peer = socket.socket(fileno=descriptors[0])
                    if (child := os.fork()) == 0:
                        parent.close()
                        _be_a_worker(peer, memory_bytes)
                    peer.close()
                    parent.send(b"%d" % child)
                case [b"end", child]:
                    parent.send(b"%d" % _end(int(child)))
                case [b"ended", child]:
                    parent.send(b"%d" % _end(int(child), wait_s=_HUNG_UP_S))
                case _:
                    return


def _import_all() -> None:
    """Import now what is usually imported at its first use, because workers can open no file."""
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if not module.name.endswith((".__main__", ".datasets")):
            importlib.import_module(module.name)
    importlib.import_module("numpy.ma")  # by the median
    with suppress(ImportError):  # where no pictures are decoded there is no OpenCV
        importlib.import_module("podium.media.pictures")
        importlib.import_module("cv2").setNumThreads(1)


def _be_a_worker(peer: socket.socket, memory_bytes: int) -> None:
    status = 1
    try:
        lock_up(memory_bytes)
        work(peer)
        status = 0
    finally:
        os._exit(status)


def _end(child: int, *, wait_s: float = 0.0) -> int:
    """Kill a worker unless it ends in time; the signal that had ended it before, or 0."""
    latest = time.monotonic() + wait_s
    try:
        ended, status = os.waitpid(child, os.WNOHANG)
        while not ended and time.monotonic() < latest:
            time.sleep(0.001)
            ended, status = os.waitpid(child, os.WNOHANG)
    except ChildProcessError:  # it was forked by the nursery before this one, and ended with it
        return signal.SIGKILL
    if not ended:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return 0
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


if __name__ == "__main__":
    main(int(sys.argv[1]))
