"""The batcher with a real thread pool and arithmetic in place of an engine."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.errors import DeadlineExceeded, Overloaded, TooLarge, Unprocessable
from podium.serving.hosting.batcher import Batcher
from podium.serving.observing.deadline import time_limit
from podium.serving.observing.telemetry import Metrics
from podium.serving.oip.batching import BatchLimits
from tests.support.waiting import until


class Engine:
    """Doubles its rows; can be held, and refuses negative rows."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, inputs):
        assert self.gate.wait(10)
        x = inputs["x"]
        self.batches.append(x[:, 0].astype(int).tolist())
        if (x < 0).any():
            raise ValueError("negative")
        return {"y": x * 2}


class Grouping(Engine):
    """Like a detector: as many outputs per row as the row says, told apart by ``image_index``."""

    def __call__(self, inputs):
        counts = super().__call__(inputs)["y"][:, 0].astype(int) // 2 % 3
        index = np.repeat(np.arange(len(counts)), counts)
        return {"value": inputs["x"][index, 0], "image_index": index}


@pytest.fixture
def make():
    pools = []

    def batcher(engine, instances=1, *, divides=False, **limits):
        pools.append(ThreadPoolExecutor(instances))
        return Batcher(
            engine,
            pools[-1],
            instances=instances,
            limits=BatchLimits(**limits),
            stage="test",
            observer=Metrics("test").batches("m"),
            divides=divides,
        )

    yield batcher
    for pool in pools:
        pool.shutdown(cancel_futures=True)


def rows(*values):
    return {"x": np.array(values, np.float32)[:, None]}


@settings(max_examples=40)
@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=12),
    st.integers(1, 8),
    st.integers(1, 3),
    st.booleans(),
    st.booleans(),
)
def test_every_request_gets_its_own_rows(sizes, max_batch, instances, grouped, divides):
    engine = Grouping() if grouped else Engine()
    with ThreadPoolExecutor(instances) as pool:

        async def run():
            batcher = Batcher(
                engine,
                pool,
                instances=instances,
                limits=BatchLimits(max_batch=max_batch),
                stage="test",
                observer=Metrics("test").batches("m"),
                row_index="image_index" if grouped else None,
                divides=divides,
            )
            batcher._row_s = 1.0  # long, so that rows are divided
            inputs = [
                np.arange(100 * i, 100 * i + n, dtype=np.float32)[:, None]
                for i, n in enumerate(sizes)
            ]
            results = await asyncio.gather(*(batcher.infer({"x": x}) for x in inputs))
            return inputs, results

        inputs, results = asyncio.run(run())
    assert max((len(batch) for batch in engine.batches), default=0) <= max_batch
    for x, result in zip(inputs, results, strict=True):
        assert result.failed == {}
        if grouped:
            index = np.repeat(np.arange(len(x)), x[:, 0].astype(int) % 3)
            np.testing.assert_array_equal(result.outputs["image_index"], index)
            np.testing.assert_array_equal(result.outputs["value"], x[index, 0])
        else:
            np.testing.assert_array_equal(result.outputs["y"], x * 2)


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.booleans(), min_size=1, max_size=6), min_size=1, max_size=8),
    st.sets(st.integers(0, 7)),
    st.integers(1, 8),
    st.integers(1, 2),
)
def test_poison_and_cancellation_touch_nobody_else(poison, cancelled, max_batch, instances):
    engine = Engine()
    engine.gate.clear()
    inputs = [
        np.where(bad, -1, 1).astype(np.float32)[:, None] * (np.arange(len(bad))[:, None] + 1 + i)
        for i, bad in enumerate(poison)
    ]

    async def run(pool):
        batcher = Batcher(
            engine,
            pool,
            instances=instances,
            limits=BatchLimits(max_batch=max_batch),
            stage="test",
            observer=Metrics("test").batches("m"),
        )
        tasks = [asyncio.create_task(batcher.infer({"x": x})) for x in inputs]
        await asyncio.sleep(0)  # all are queued, and the first are with the engine
        for i in cancelled & set(range(len(tasks))):
            tasks[i].cancel()
        engine.gate.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await until(lambda: batcher.backlog_s() == 0)
        again = await batcher.infer(rows(7))
        assert again.outputs["y"].tolist() == [[14]]
        return results

    with ThreadPoolExecutor(instances) as pool:
        results = asyncio.run(run(pool))
    for i, (x, result) in enumerate(zip(inputs, results, strict=True)):
        good = x[:, 0] > 0
        if i in cancelled:
            assert isinstance(result, asyncio.CancelledError)
        elif not good.any():
            assert isinstance(result, Unprocessable)
        else:
            assert list(result.failed) == np.flatnonzero(~good).tolist()
            np.testing.assert_array_equal(result.outputs["y"][good], x[good] * 2)


async def test_an_idle_engine_takes_what_is_there_and_the_next_batch_fills(make):
    engine = Engine()
    batcher = make(engine, max_batch=4)
    engine.gate.clear()
    first = asyncio.create_task(batcher.infer(rows(1)))
    await asyncio.sleep(0.02)
    others = [asyncio.create_task(batcher.infer(rows(i))) for i in (2, 3, 4, 5, 6)]
    await asyncio.sleep(0.02)
    engine.gate.set()
    await asyncio.gather(first, *others)
    assert engine.batches == [[1], [2, 3, 4, 5], [6]]


async def test_max_delay_lets_a_batch_fill(make):
    engine = Engine()
    batcher = make(engine, max_batch=3, max_delay_ms=1000)
    started = time.monotonic()
    tasks = []
    for i in range(3):
        tasks.append(asyncio.create_task(batcher.infer(rows(i))))
        await asyncio.sleep(0.01)
    await asyncio.gather(*tasks)
    assert engine.batches == [[0, 1, 2]]
    assert time.monotonic() - started < 0.9  # full before the delay was over
    await batcher.infer(rows(7))
    assert engine.batches[-1] == [7]  # and alone after it


async def test_requests_take_turns(make):
    engine = Engine()
    batcher = make(engine, max_batch=4)
    engine.gate.clear()
    blocker = asyncio.create_task(batcher.infer(rows(0)))
    await asyncio.sleep(0.02)
    long = asyncio.create_task(batcher.infer(rows(*range(100, 140))))
    short = asyncio.create_task(batcher.infer(rows(1, 2)))
    await asyncio.sleep(0.02)
    engine.gate.set()
    await short
    assert not long.done()
    await asyncio.gather(blocker, long)
    assert engine.batches[1] == [100, 101, 1, 2]


async def test_a_cancelled_request_leaves_the_queue(make):
    engine = Engine()
    batcher = make(engine, max_batch=2)
    engine.gate.clear()
    running = asyncio.create_task(batcher.infer(rows(1)))
    await asyncio.sleep(0.02)
    gone = asyncio.create_task(batcher.infer(rows(2, 3, 4)))
    stays = asyncio.create_task(batcher.infer(rows(5)))
    await asyncio.sleep(0.02)
    gone.cancel()
    engine.gate.set()
    await asyncio.gather(running, stays)
    assert gone.cancelled()
    assert engine.batches == [[1], [5]]
    assert batcher.backlog_s() == 0


async def test_expired_rows_never_reach_the_engine(make):
    engine = Engine()
    batcher = make(engine, max_batch=1)
    engine.gate.clear()
    running = asyncio.create_task(batcher.infer(rows(1)))
    await asyncio.sleep(0.02)

    async def hurried():
        async with time_limit(0.05, "test"):
            return await batcher.infer(rows(2))

    late = asyncio.create_task(hurried())
    with pytest.raises(DeadlineExceeded, match="test"):
        await late
    engine.gate.set()
    await running
    await batcher.infer(rows(3))
    assert engine.batches == [[1], [3]]


async def test_work_that_cannot_finish_is_not_started(make):
    engine = Engine()

    def slow(inputs):
        time.sleep(0.05)
        return engine(inputs)

    batcher = make(slow, max_batch=1)
    await batcher.infer(rows(1))  # the batcher learns that a row takes 50 ms
    with pytest.raises(DeadlineExceeded, match="no time left in the queue"):
        async with time_limit(0.03, "test"):
            await batcher.infer(rows(2))
    assert engine.batches == [[1]]


async def test_a_full_queue_says_when_to_come_back(make):
    engine = Engine()

    took_s = []

    def slow(inputs):
        began = time.monotonic()
        time.sleep(0.1)
        took_s.append(time.monotonic() - began)
        return engine(inputs)

    batcher = make(slow, max_batch=1, max_queue_rows=3)
    began = time.monotonic()
    await batcher.infer(rows(0))
    call_s = time.monotonic() - began
    tasks = [asyncio.create_task(batcher.infer(rows(i))) for i in range(4)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as caught:
        await batcher.infer(rows(*range(3)))
    # Three rows wait; the fourth is on its way to the engine.
    assert 3 * took_s[0] <= caught.value.retry_after_s <= 4 * call_s
    await asyncio.gather(*tasks)
    with pytest.raises(TooLarge, match="x: 4 rows are more than the 3"):
        await batcher.infer(rows(*range(4)))


async def test_bytes_are_bounded_too(make):
    engine = Engine()
    engine.gate.clear()
    batcher = make(engine, max_batch=1, max_queue_bytes=16)
    tasks = [asyncio.create_task(batcher.infer(rows(i))) for i in range(5)]
    await asyncio.sleep(0.02)
    with pytest.raises(Overloaded):
        await batcher.infer(rows(9))
    engine.gate.set()
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("bad", [[3], [0], [2, 3, 7], [0, 1, 2, 3, 4, 5, 6]])
async def test_only_the_poisonous_rows_fail(make, bad):
    engine = Engine()
    batcher = make(engine, max_batch=8)
    values = np.arange(8, dtype=np.float32) + 1
    values[bad] *= -1
    engine.gate.clear()
    blocker = asyncio.create_task(batcher.infer(rows(1)))
    await asyncio.sleep(0.02)
    mixed = asyncio.create_task(batcher.infer({"x": values[:, None]}))
    neighbour = asyncio.create_task(batcher.infer(rows(50, 60)))
    await asyncio.sleep(0.02)
    engine.gate.set()
    result = await mixed
    assert result.failed == dict.fromkeys(bad, "negative")
    good = np.setdiff1d(np.arange(8), bad)
    np.testing.assert_array_equal(result.outputs["y"][good, 0], values[good] * 2)
    assert np.isnan(result.outputs["y"][bad]).all()
    assert (await neighbour).outputs["y"][:, 0].tolist() == [100, 120]
    await blocker


async def test_a_request_of_poison_alone_is_refused(make):
    batcher = make(Engine())
    with pytest.raises(Unprocessable, match=r"row 0: the engine refuses it \(negative\)"):
        await batcher.infer(rows(-1, -2))
    assert (await batcher.infer(rows(1))).outputs["y"].tolist() == [[2.0]]


async def test_inputs_of_other_shapes_are_not_mixed(make):
    engine = Engine()
    batcher = make(engine, max_batch=8)
    engine.gate.clear()
    blocker = asyncio.create_task(batcher.infer(rows(1)))
    await asyncio.sleep(0.02)
    narrow = asyncio.create_task(batcher.infer(rows(2, 3)))
    wide = asyncio.create_task(batcher.infer({"x": np.ones((2, 4), np.float32)}))
    await asyncio.sleep(0.02)
    engine.gate.set()
    await asyncio.gather(blocker, narrow)
    assert (await wide).outputs["y"].shape == (2, 4)


async def test_several_instances_work_at_once(make):
    barrier = threading.Barrier(3, timeout=60)

    def together(inputs):
        barrier.wait()
        return {"y": inputs["x"]}

    batcher = make(together, instances=3, max_batch=1)
    await asyncio.gather(*(batcher.infer(rows(i)) for i in range(6)))


@pytest.mark.parametrize("divides", [False, True])
async def test_few_rows_are_divided_among_idle_threads(make, divides):
    """Where the engine computes rows one by one; a batch on a graphics card stays whole."""

    class Slow(Engine):
        def __call__(self, inputs):
            time.sleep(0.01 * len(inputs["x"]))
            return super().__call__(inputs)

    engine = Slow()
    batcher = make(engine, instances=2, divides=divides)
    await batcher.infer(rows(1))  # to know how long a row takes
    result = await batcher.infer(rows(1, 2, 3, 4, 5))
    np.testing.assert_array_equal(result.outputs["y"], rows(2, 4, 6, 8, 10)["x"])
    expected = [[1], [1, 2, 3], [4, 5]] if divides else [[1], [1, 2, 3, 4, 5]]
    assert sorted(engine.batches) == expected


async def test_quick_rows_are_not_worth_waking_a_thread(make):
    engine = Engine()
    batcher = make(engine, instances=2, divides=True)
    batcher._row_s = 1e-6
    await batcher.infer(rows(1, 2, 3, 4))
    assert engine.batches == [[1, 2, 3, 4]]
