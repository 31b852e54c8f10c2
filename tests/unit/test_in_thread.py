"""What work in threads leaves behind."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from podium.errors import InvalidInput
from podium.serving.observing.in_thread import in_thread


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
