"""Memory that a worker writes frames into and this process reads, without a copy between them.

Blocks are used again, because fresh pages cost 1 CPU-ms per MB in each of the processes. They have
no name and lie outside of /dev/shm, which containers limit to 64 MB.
"""

from __future__ import annotations

import fcntl
import itertools
import mmap
import os
import threading
import weakref
from dataclasses import dataclass

import numpy as np

from podium.types import UInt8

_FREE_BYTES = 128 << 20
"""The most that free blocks hold for the next frames: 46 of 1280x720."""

_LEAST_BYTES = 1 << 20
"""Small pictures share one size of blocks. Each block takes two open files, so that few are kept;
pages that nobody writes take no memory."""


@dataclass(eq=False, slots=True)
class Block:
    """Memory that both processes have mapped."""

    number: int
    descriptor: int
    memory: mmap.mmap
    worker: int  # number of the one that it is for
    is_known: bool = False  # to that worker


class SharedMemory:
    """The blocks of a worker and its successors. A block is free once all arrays in it have gone.

    No worker sees what others have left in a block.
    """

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._free: list[Block] = []  # the one used last is the last
        self._dropped: list[int] = []
        self._worker = 0
        self._is_open = True
        self._lock = threading.RLock()  # arrays may go at any time, also while it is held

    def take(self, size: int) -> tuple[Block, UInt8]:
        """A block of at least ``size`` bytes, and its bytes; free when that array has gone."""
        size = max(size, _LEAST_BYTES)
        with self._lock:
            fitting = [b for b in self._free if size <= len(b.memory) <= 2 * size]
            block = fitting[-1] if fitting else None
            if block is not None:
                self._free.remove(block)
        block = block or _made(next(self._numbers), size, self._worker)
        content = np.frombuffer(block.memory, np.uint8)
        if block.worker != self._worker:
            content.fill(0)
            block.worker, block.is_known = self._worker, False
        weakref.finalize(content, self._give_back, block).atexit = False
        return block, content

    def hand_over(self) -> None:
        """From now on the blocks are for another worker; the one before has ended."""
        with self._lock:
            self._worker += 1
            self._dropped.clear()

    def dropped(self) -> list[int]:
        """Numbers of blocks that the worker may forget; each is said once."""
        with self._lock:
            dropped, self._dropped = self._dropped, []
        return dropped

    def close(self) -> None:
        """Release the free blocks now, and each of the others as soon as it is free."""
        with self._lock:
            self._is_open = False
            self._drop()

    def _give_back(self, block: Block) -> None:
        with self._lock:
            self._free.append(block)
            self._drop()

    def _drop(self) -> None:
        held = sum(len(block.memory) for block in self._free)
        while self._free and (held > _FREE_BYTES or not self._is_open):
            block = self._free.pop(0)
            held -= len(block.memory)
            block.memory.madvise(mmap.MADV_REMOVE)  # the worker has it mapped, too
            os.close(block.descriptor)
            if block.is_known and block.worker == self._worker:
                self._dropped.append(block.number)


def _made(number: int, size: int, worker: int) -> Block:
    descriptor = os.memfd_create("frames", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, size)
    # A worker that made it shorter would crash whoever reads it.
    seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return Block(number, descriptor, mmap.mmap(descriptor, size), worker)
