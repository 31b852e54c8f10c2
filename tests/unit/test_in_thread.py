"""What work in threads leaves behind, and what is known of it."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from podium.errors import InvalidInput
from podium.serving.observing.in_thread import in_thread
from podium.serving.observing.metered_executor import MeteredExecutor
from podium.serving.observing.request_context import (
    RequestContext,
    enter_request,
    leave_request,
)
from podium.serving.observing.telemetry import Metrics


class Body:
    """Stands for the megabytes of a request."""


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture
def without_collector() -> Iterator[None]:
    """Only counted references free objects, as between two runs of the garbage collector."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def test_an_error_keeps_nothing_of_what_failed(
    executor: ThreadPoolExecutor, without_collector: None
) -> None:
    bodies: list[weakref.ref[Body]] = []

    def fail() -> None:
        body = Body()
        bodies.append(weakref.ref(body))
        try:
            raise ValueError
        except ValueError:
            raise InvalidInput("is wrong") from None

    with pytest.raises(InvalidInput) as raised:
        await in_thread(executor, fail)
    raised.value.__traceback__ = None
    del raised
    await in_thread(executor, int)  # the thread has forgotten the work before
    assert bodies[0]() is None


async def test_a_result_is_kept_by_its_caller_alone(
    executor: ThreadPoolExecutor, without_collector: None
) -> None:
    body = weakref.ref(await in_thread(executor, Body))
    await in_thread(executor, int)
    assert body() is None


async def test_what_is_counted_of_the_work_is_there_with_its_result(
    executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    observe_phase = Metrics.observe_phase

    def late(*given: object) -> None:
        time.sleep(0.05)  # as where another thread has the processor
        observe_phase(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(Metrics, "observe_phase", late)
    metered = MeteredExecutor(executor, "decode", Metrics("decode"))
    request = RequestContext("id")
    token = enter_request(request)
    try:
        await in_thread(metered, int)
        assert set(request.phases) == {"queue", "infer"}
    finally:
        leave_request(token)
