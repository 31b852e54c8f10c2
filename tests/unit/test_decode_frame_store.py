"""The frame store forgets by age and by size, never more than its cap."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest

from podium.decode import frame_store
from podium.decode.frame_store import FrameStore
from podium.errors import FramesGone


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(frame_store, "time", clock)
    return clock


def batch(kilobytes: int) -> dict[int, np.ndarray]:
    return {0: np.zeros((kilobytes, 1000, 1), np.uint8)}


def test_frames_are_kept_for_a_term_after_their_last_use(clock):
    store = FrameStore(10_000, ttl_s=10)
    pixels = batch(1)
    handle = store.put(pixels)
    for _ in range(3):
        clock.now += 9
        assert store.get(handle) is pixels
    clock.now += 10.1
    with pytest.raises(FramesGone, match="decode again"):
        store.get(handle)
    assert store.bytes == 0


def test_the_least_recently_used_batch_makes_room(clock):
    store = FrameStore(10_000, ttl_s=10)
    first, second, third = (store.put(batch(3)) for _ in range(3))
    store.get(first)
    fourth = store.put(batch(4))
    assert store.bytes == 10_000
    store.get(first)
    with pytest.raises(FramesGone):
        store.get(second)
    store.get(third)
    store.put(batch(10))
    for handle in (first, third, fourth):
        with pytest.raises(FramesGone):
            store.get(handle)


def test_handles_are_unguessable():
    store = FrameStore(10_000, ttl_s=10)
    handles = {store.put({}) for _ in range(100)}
    assert len(handles) == 100
    assert min(map(len, handles)) >= 20
    with pytest.raises(FramesGone):
        store.get("")


def test_threads_share_it():
    store = FrameStore(50_000, ttl_s=10)

    def work(_: int) -> None:
        handle = store.put(batch(5))
        with suppress(FramesGone):  # the others may have pushed it out
            store.get(handle)
        assert store.bytes <= 50_000

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(400)))
