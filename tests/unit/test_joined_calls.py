"""Small calls of concurrent requests become one call, and nobody notices."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest

from podium.errors import DeadlineExceeded, InvalidInput, Unavailable, Unprocessable
from podium.serving.calling import joined_calls
from podium.serving.calling.joined_calls import Company, JoinedCalls
from podium.serving.observing.deadline import time_limit
from podium.serving.observing.request_context import (
    RequestContext,
    current_request,
    enter_request,
    leave_request,
)
from podium.serving.observing.telemetry import Metrics
from podium.stages.detection import DETECT
from podium.stages.models import failed_parameters
from podium.wire import InferResult
from podium.wire.rows import row_index_of

IN_WORK = 8
"""Requests in work: half of them are joined."""

LONG_S = 60.0
"""A wait for others that no test outlives."""


class Service:
    """Answers a call with twice its rows; refuses rows of 13, and fails where one is 99."""

    stage = "pose2d"
    replicas = 1

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[int], dict[str, object]]] = []
        self.ids: list[str] = []
        self.waits = asyncio.Event()
        self.waits.set()
        self.began, self.ended = asyncio.Event(), asyncio.Event()

    async def infer(self, model, inputs, parameters=None, *, address=None, call=None, attempts):
        values = inputs["x"][:, 0].tolist()
        handles = [h.decode() for h in inputs["handle"]] if "handle" in inputs else None
        about = {
            "address": address,
            "call": call,
            "attempts": attempts.most,
            "avoids": attempts.tried.copy(),
            "handles": handles,
        }
        self.calls.append((model, values, about | {"parameters": dict(parameters or {})}))
        self.began.set()
        try:
            await self.waits.wait()
            await asyncio.sleep(0.001)
        finally:
            self.ended.set()
        if 99 in values:
            attempts.tried.add("http://broke:1")
            raise Unavailable("pose2d: broke")
        self.ids.append(current_request().request_id)
        current_request().add_transfer(0.5)
        refused = {row: "is 13" for row, value in enumerate(values) if value == 13}
        if len(refused) == len(values):
            raise Unprocessable("row 0: the engine refuses it (is 13)")
        return InferResult({"y": 2 * inputs["x"]}, failed_parameters(refused))

    async def metadata(self, model):
        return {"name": model}


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def company() -> Company:
    company = Company()
    company.size = IN_WORK
    return company


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("gateway")


def joining(service, company, metrics, *, longest_s=LONG_S, **options) -> JoinedCalls:
    return JoinedCalls(service, company, metrics.calls("pose2d"), longest_s=longest_s, **options)


def rows(*values: int):
    return {"x": np.array(values, np.int64)[:, None]}


async def ask(joined: JoinedCalls, *values: int, **options) -> list[int]:
    answer = await joined.infer("m", rows(*values), **options)
    assert answer.parameters == {}
    return answer.outputs["y"][:, 0].tolist()


def values_of(service: Service) -> list[list[int]]:
    return [values for _, values, _ in service.calls]


async def test_half_of_those_in_work_share_a_call_and_get_their_own_rows(service, company, metrics):
    joined = joining(service, company, metrics)
    answers = await asyncio.gather(*(ask(joined, n, n + 100) for n in range(8)))
    assert answers == [[2 * n, 2 * n + 200] for n in range(8)]
    assert values_of(service) == [
        [0, 100, 1, 101, 2, 102, 3, 103],
        [4, 104, 5, 105, 6, 106, 7, 107],
    ]
    assert {about["attempts"] for _, _, about in service.calls} == {1}
    counted = metrics.registry.get_sample_value(
        "podium_stage_joined_calls_total", {"stage": "pose2d"}
    )
    assert counted == 8


async def test_few_requests_never_wait(service, company, metrics):
    company.size = 7
    joined = joining(service, company, metrics)
    assert await asyncio.gather(*(ask(joined, n) for n in range(7))) == [[2 * n] for n in range(7)]
    assert values_of(service) == [[n] for n in range(7)]


async def test_every_replica_keeps_its_work(service, company, metrics):
    service.replicas = 2
    company.size = 16
    joined = joining(service, company, metrics)
    await asyncio.gather(*(ask(joined, n) for n in range(8)))
    assert values_of(service) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    service.replicas = 3  # 16 requests are five for each: nobody waits
    await asyncio.gather(*(ask(joined, n) for n in range(4)))
    assert values_of(service)[2:] == [[0], [1], [2], [3]]


async def test_no_more_than_half_of_those_in_work_wait(service, company, metrics):
    """Over all stages and models; the largest group goes."""
    company.size = 16  # a full group has eight calls
    stages = [joining(service, company, metrics), joining(service, company, metrics)]

    async def ask_soon(stage: int, *values: int) -> None:
        tasks = [asyncio.create_task(ask(stages[stage], value)) for value in values]
        waiting.extend(tasks)
        await asyncio.sleep(0)

    waiting: list[asyncio.Task[list[int]]] = []
    await ask_soon(0, 1, 2, 3)
    await ask_soon(1, 21, 22, 23, 24)
    assert values_of(service) == []
    await ask_soon(0, 4)  # the eighth
    await service.began.wait()
    assert values_of(service) == [[1, 2, 3, 4]]
    await ask_soon(1, 25, 26, 27)
    await asyncio.gather(*waiting[:3])
    assert len(service.calls) == 1  # seven wait
    await ask_soon(0, 5)
    assert await asyncio.gather(*waiting[3:7]) == [[42], [44], [46], [48]]
    assert values_of(service)[1] == [21, 22, 23, 24, 25, 26, 27]
    waiting[-1].cancel()


async def test_who_waits_in_vain_goes_on(service, company, metrics):
    joined = joining(service, company, metrics, longest_s=0.02)
    assert await asyncio.gather(ask(joined, 1), ask(joined, 2)) == [[2], [4]]
    assert await ask(joined, 3) == [6]
    assert values_of(service) == [[1, 2], [3]]
    assert service.calls[1][2]["attempts"] == 5  # by itself, with all retries


async def test_different_calls_are_not_joined(service, company, metrics):
    company.size = 1000
    joined = joining(service, company, metrics, longest_s=0.02)
    wide = {"x": np.zeros((1, 2), np.int64)}
    await asyncio.gather(
        ask(joined, 1),
        ask(joined, 2, parameters={"p": 1}),
        ask(joined, 3, address="http://replica:1"),
        joined.infer("m", wide),
        joined.infer("other", rows(4)),
        ask(joined, 5),
        ask(joined, 6, parameters={"p": 1}),
        ask(joined, 7, address="http://replica:1"),
        joined.infer("m", wide),
        joined.infer("other", rows(8)),
    )
    assert values_of(service) == [[1, 5], [2, 6], [3, 7], [0, 0], [4, 8]]
    assert service.calls[1][2]["parameters"] == {"p": 1}
    assert service.calls[2][2]["address"] == "http://replica:1"


@pytest.mark.parametrize("large", [rows(*range(5)), {"x": np.zeros((1, 1 << 20), np.int64)}])
async def test_large_calls_are_not_joined(service, company, metrics, large):
    joined = joining(service, company, metrics)
    await asyncio.gather(*(joined.infer("m", large) for _ in range(4)))
    assert len(service.calls) == 4


async def test_only_the_named_models_are_joined(service, company, metrics):
    joined = joining(service, company, metrics, models={"crop"})
    await asyncio.gather(*(ask(joined, n) for n in range(4)))
    assert len(service.calls) == 4


async def test_parameters_by_row_become_an_input(service, company, metrics):
    joined = joining(service, company, metrics, by_row=("handle",), longest_s=0.02)
    parameters = [{"handle": name, "height": 8} for name in "ab"]
    await asyncio.gather(
        ask(joined, 1, 2, parameters=parameters[0]), ask(joined, 3, parameters=parameters[1])
    )
    [(_, values, about)] = service.calls
    assert values == [1, 2, 3]
    assert about["handles"] == ["a", "a", "b"]
    assert about["parameters"] == {"height": 8}
    await joining(service, Company(), metrics, by_row=("handle",)).infer(
        "m", rows(4), parameters[0]
    )
    assert service.calls[1][2]["parameters"] == parameters[0]


async def test_rows_of_outputs_that_name_their_input_row(company, metrics):
    class Detector(Service):
        async def infer(self, model, inputs, parameters=None, **_):
            count = inputs["x"][:, 0]  # so many boxes on each image
            index = np.repeat(np.arange(len(count)), count)
            return InferResult({"scores": np.arange(len(index)), "image_index": index})

    index = row_index_of(DETECT.output_specs())
    joined = joining(Detector(), company, metrics, row_index=index, longest_s=0.02)
    found = await asyncio.gather(*(joined.infer("m", rows(*n)) for n in ((2, 1), (0,), (3,))))
    assert [f.outputs["image_index"].tolist() for f in found] == [[0, 0, 1], [], [0, 0, 0]]
    assert [f.outputs["scores"].tolist() for f in found] == [[0, 1, 2], [], [3, 4, 5]]


async def test_only_who_is_at_fault_sees_the_error(service, company, metrics):
    joined = joining(service, company, metrics)
    outcomes = await asyncio.gather(
        ask(joined, 1), ask(joined, 99), ask(joined, 3), ask(joined, 4), return_exceptions=True
    )
    assert [outcomes[0], *outcomes[2:]] == [[2], [6], [8]]
    assert isinstance(outcomes[1], Unavailable)
    assert values_of(service) == [[1, 99, 3, 4], [1], [99], [3], [4]]
    assert [about["avoids"] for _, _, about in service.calls] == [set(), *4 * [{"http://broke:1"}]]
    counted = metrics.registry.get_sample_value("podium_stage_retries_total", {"stage": "pose2d"})
    assert counted == 4


async def test_refused_rows_are_asked_for_again_by_those_who_sent_them(service, company, metrics):
    joined = joining(service, company, metrics)
    outcomes = await asyncio.gather(
        ask(joined, 1), ask(joined, 13), joined.infer("m", rows(3, 13)), ask(joined, 4),
        return_exceptions=True,
    )  # fmt: skip
    assert [outcomes[0], outcomes[3]] == [[2], [8]]
    assert isinstance(outcomes[1], Unprocessable)
    assert outcomes[2].parameters == failed_parameters({1: "is 13"})
    assert values_of(service) == [[1, 13, 3, 13, 4], [13], [3, 13]]


async def test_calls_that_cannot_be_put_together_are_made_alone(
    service, company, metrics, monkeypatch
):
    def fails(_parts):
        raise MemoryError

    monkeypatch.setattr(joined_calls, "join_rows", fails)
    joined = joining(service, company, metrics)
    async with asyncio.timeout(LONG_S):
        assert await asyncio.gather(*(ask(joined, n) for n in range(4))) == [[0], [2], [4], [6]]
    assert values_of(service) == [[0], [1], [2], [3]]


ROWS_OF_OTHERS = {
    "one too few": lambda x: {"y": x[1:]},
    "one too many": lambda x: {"y": np.concatenate([x[:1], x])},
    "not of rows": lambda x: {"y": x, "threshold": np.float32(0.5)},
    "of the whole batch": lambda x: {"y": x, "threshold": np.zeros(1)},
    "without the index": lambda x: {"y": x},
    "with a wrong index": lambda x: {"y": x, "image_index": np.arange(len(x)) + 1},
}


@pytest.mark.parametrize("outputs", ROWS_OF_OTHERS.values(), ids=ROWS_OF_OTHERS)
async def test_answers_that_do_not_fit_are_dealt_out_to_nobody(
    company, metrics, outputs, request, caplog
):
    class Odd(Service):
        async def infer(self, model, inputs, parameters=None, **_):
            self.calls.append((model, inputs["x"][:, 0].tolist(), {}))
            return InferResult(outputs(inputs["x"]) if len(inputs["x"]) > 1 else {"y": inputs["x"]})

    odd = Odd()
    index = "image_index" if "index" in request.node.callspec.id else None
    joined = joining(odd, company, metrics, row_index=index)
    answers = await asyncio.gather(*(ask(joined, n) for n in range(4)))
    assert answers == [[n] for n in range(4)]
    assert values_of(odd) == [[0, 1, 2, 3], [0], [1], [2], [3]]
    assert not caplog.records


class TakesFewRows(Service):
    """Refuses more than ``most`` rows, as a Triton server by its ``max_batch_size``."""

    most = 1

    async def infer(self, model, inputs, parameters=None, **options):
        if len(inputs["x"]) > self.most:
            self.calls.append((model, inputs["x"][:, 0].tolist(), {}))
            raise InvalidInput("batch is too large")
        return await super().infer(model, inputs, parameters, **options)


async def test_a_service_that_takes_no_joined_calls_is_seldom_asked_for_them(company, metrics):
    service = TakesFewRows()
    joined = joining(service, company, metrics, longest_s=0.01)
    for _ in range(50):
        assert await asyncio.gather(*(ask(joined, n) for n in range(4))) == [[0], [2], [4], [6]]
    joined_ones = [values for values in values_of(service) if len(values) > 1]
    assert len(service.calls) - len(joined_ones) == 200
    assert len(joined_ones) <= 12
    service.most = 8  # the model was swapped
    for _ in range(100):
        await asyncio.gather(*(ask(joined, n) for n in range(4)))
    assert values_of(service)[-10:] == 10 * [[0, 1, 2, 3]]


async def test_who_waits_in_vain_seldom_waits_again(service, company, metrics, monkeypatch):
    waits = []
    loop = asyncio.get_running_loop()
    call_later = loop.call_later

    def counting(delay, *args, **options):
        waits.append(delay)
        return call_later(delay, *args, **options)

    monkeypatch.setattr(loop, "call_later", counting)
    joined = joining(service, company, metrics, longest_s=0.002)
    for _ in range(100):  # one at a time, while others in work are busy elsewhere
        assert await ask(joined, 1) == [2]
    assert waits.count(0.002) <= 9


async def test_who_leaves_takes_nobody_along(service, company, metrics):
    joined = joining(service, company, metrics)
    leaves_early = asyncio.create_task(ask(joined, 0))
    await asyncio.sleep(0)
    leaves_early.cancel()
    service.waits.clear()
    others = [asyncio.create_task(ask(joined, n)) for n in (1, 2, 3, 4)]
    await service.began.wait()
    others[0].cancel()
    await asyncio.sleep(0)
    service.waits.set()
    answers = await asyncio.gather(leaves_early, *others, return_exceptions=True)
    assert answers[2:] == [[4], [6], [8]]
    assert all(isinstance(answer, asyncio.CancelledError) for answer in answers[:2])
    assert values_of(service) == [[1, 2, 3, 4]]  # the first had left before the call was made


async def test_a_call_for_nobody_ends(service, company, metrics):
    joined = joining(service, company, metrics)
    service.waits.clear()
    all_leave = [asyncio.create_task(ask(joined, n)) for n in range(4)]
    await service.began.wait()
    for task in all_leave:
        task.cancel()
    await asyncio.gather(*all_leave, return_exceptions=True)
    await service.ended.wait()
    assert len(service.calls) == 1


async def test_the_wait_for_a_joined_call_that_failed_is_in_the_time_of_the_stage(
    service, company, metrics
):
    joined = joining(service, company, metrics, longest_s=0.02)
    request = RequestContext("id")

    async def in_context() -> None:
        token = enter_request(request)
        try:
            await ask(joined, 1)
        finally:
            leave_request(token)

    await asyncio.gather(in_context(), ask(joined, 99), return_exceptions=True)
    assert values_of(service) == [[1, 99], [1], [99]]
    assert request.phases["pose2d"] > 0


async def test_the_error_of_a_deadline_names_the_stage(service, company, metrics):
    joined = joining(service, company, metrics)
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded, match="pose2d: no answer in time"):
        async with time_limit(0.02, "gateway"):
            await ask(joined, 1)
    assert time.monotonic() - started < LONG_S / 2
    assert service.calls == []


async def test_a_joined_call_has_the_time_of_the_most_patient(service, company, metrics):
    joined = joining(service, company, metrics, longest_s=0.02)
    service.waits.clear()

    async def hurried() -> list[int]:
        async with time_limit(0.1, "gateway"):
            return await ask(joined, 1)

    patient = asyncio.create_task(ask(joined, 2))
    await asyncio.sleep(0)
    with pytest.raises(DeadlineExceeded):
        await hurried()
    service.waits.set()
    assert await patient == [4]
    assert values_of(service) == [[2, 1]]


async def test_the_request_knows_its_calls_and_traces_show_them(service, company, metrics):
    joined = joining(service, company, metrics)
    seen = []

    async def with_context(request: RequestContext, value: int) -> None:
        token = enter_request(request)
        try:
            assert await ask(joined, value) == [2 * value]
        finally:
            leave_request(token)
        seen.append(request)

    plain = [RequestContext(f"id{n}") for n in range(4)]
    await asyncio.gather(*(with_context(each, n) for n, each in enumerate(plain)))
    assert values_of(service) == [[0, 1, 2, 3]]
    assert service.ids == ["id0~id1~id2~id3"]
    assert all(each.calls == {"pose2d": 1} for each in seen)
    assert all(each.phases["transfer"] == 0.5 and each.phases["pose2d"] > 0 for each in seen)
    long = "~".join(["a" * 128] * 8)
    await asyncio.gather(*(with_context(RequestContext(long), n) for n in range(4)))
    assert service.ids[1] == "~".join(["a" * 128] * 4)
    traced = RequestContext("id", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    await with_context(traced, 5)
    assert values_of(service)[2:] == [[5]]
