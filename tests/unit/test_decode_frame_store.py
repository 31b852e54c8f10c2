"""The frame store forgets by age and by size, never more than its cap."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor
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


def test_who_wants_to_decode_waits_until_frames_are_let_go():
    store = FrameStore(10_000, ttl_s=30)
    handles = [store.put(batch(4)), store.put(batch(4))]
    decoding = threading.Event()

    def decode() -> str:
        with store.room() as room:
            room.claim(5_000)
            decoding.set()
            return room.keep(batch(5))

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(decode)
        assert not decoding.wait(0.05)
        store.get(handles[0])  # nobody is pushed out
        store.drop(handles[1])
        assert store.get(waiting.result(5))
    assert store.bytes == 9_000


def test_frames_that_nobody_asks_for_make_room_in_time():
    store = FrameStore(10_000, ttl_s=0.1)
    store.put(batch(9))
    with store.room() as room:
        room.claim(9_000)
        assert store.bytes == 0


def test_one_batch_always_fits_and_room_is_given_back():
    store = FrameStore(1_000, ttl_s=30)
    with suppress(ValueError), store.room() as room:
        room.claim(50_000)
        raise ValueError("damaged")
    with store.room() as room:
        room.claim(50_000)
        handle = room.keep(batch(50))
    assert store.get(handle)


def test_who_leaves_waits_no_longer_and_keeps_nothing():
    store = FrameStore(10_000, ttl_s=30)
    store.put(batch(9))
    room = store.room()

    def decode() -> None:
        with room:
            room.claim(5_000)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(decode)
        assert not waiting.done()
        room.abandon()
        with pytest.raises(CancelledError):
            waiting.result(5)
    with pytest.raises(CancelledError):
        room.keep(batch(1))
    assert store.bytes == 9_000


def test_the_number_of_batches_is_limited_too():
    store = FrameStore(1 << 30, ttl_s=30)
    handles = [store.put({}) for _ in range(512)]
    store.put(batch(1))  # the limit is that of claims
    with store.room() as room, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(room.claim, 10)
        with pytest.raises(TimeoutError):
            waiting.result(0.1)
        for handle in handles[:2]:
            store.drop(handle)
        waiting.result(30)


def test_handles_are_unguessable():
    store = FrameStore(10_000, ttl_s=10)
    handles = {store.put({}) for _ in range(100)}
    assert len(handles) == 100
    assert min(map(len, handles)) >= 20
    with pytest.raises(FramesGone):
        store.get("")


def test_threads_share_it():
    store = FrameStore(20_000, ttl_s=30)

    def work(_: int) -> None:
        with store.room() as room:
            room.claim(5_000)
            assert store.bytes <= 20_000
            handle = room.keep(batch(5))
        store.get(handle)
        store.drop(handle)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(400)))
    assert store.bytes == 0
