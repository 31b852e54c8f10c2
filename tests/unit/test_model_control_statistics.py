"""What is told of a model in Triton's terms: statistics and configuration."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import numpy as np
import pytest

from podium.serving.hosting.batcher import Batcher
from podium.serving.oip.batching import BatchLimits
from podium.serving.oip.catalogue import Entry
from podium.serving.oip.model_config import model_config
from podium.serving.oip.model_stats import ModelStatistics
from podium.wire import TensorSpec

CALL_S = 0.03


class SlowEngine:
    """Takes a while per call, refuses negative rows, counts its calls; can be held."""

    def __init__(self):
        self.calls = 0
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, inputs):
        assert self.gate.wait(10)
        self.calls += 1
        time.sleep(CALL_S)
        if (inputs["x"] < 0).any():
            raise ValueError("negative")
        return {"y": inputs["x"]}


async def measured(requests):
    """Statistics after requests of the given rows, all but the first of which wait together."""
    engine, statistics = SlowEngine(), ModelStatistics(batched=True)
    with ThreadPoolExecutor(1) as executor:
        batcher = Batcher(
            engine,
            executor,
            instances=1,
            limits=BatchLimits(max_batch=4),
            stage="test",
            observer=statistics,
        )

        async def ask(rows):
            with statistics.request():
                await batcher.infer({"x": np.array(rows, np.float32)[:, None]})

        engine.gate.clear()
        tasks = []
        for rows in requests:
            tasks.append(asyncio.create_task(ask(rows)))
            await asyncio.sleep(0.01)
        engine.gate.set()
        await asyncio.gather(*tasks, return_exceptions=True)
    return statistics.to_json("m", "7"), engine.calls


async def test_rows_calls_and_requests_are_counted():
    told, calls = await measured([[1], [2, 3], [4, 5]])
    assert (told["name"], told["version"]) == ("m", "7")
    assert told["inference_count"] == 5
    assert told["execution_count"] == calls == 2
    assert abs(told["last_inference"] - time.time() * 1e3) < 5_000
    stats = told["inference_stats"]
    for phase in ("success", "queue", "compute_input", "compute_infer", "compute_output"):
        assert stats[phase]["count"] == 3, phase
    assert stats["fail"] == stats["cache_hit"] == stats["cache_miss"] == {"count": 0, "ns": 0}
    assert [b["batch_size"] for b in told["batch_stats"]] == [1, 4]
    assert all(b["compute_infer"]["count"] == 1 for b in told["batch_stats"])
    # Each of the two requests that shared the second call is charged all of it.
    first, second = (b["compute_infer"]["ns"] for b in told["batch_stats"])
    assert stats["compute_infer"]["ns"] == first + 2 * second
    assert second >= CALL_S * 1e9
    # Two requests waited at least for the first call.
    assert stats["queue"]["ns"] >= 2 * CALL_S * 1e9
    parts = ("queue", "compute_input", "compute_infer", "compute_output")
    assert stats["success"]["ns"] >= sum(stats[part]["ns"] for part in parts)


async def test_a_long_request_counts_once():
    told, calls = await measured([list(range(10))])
    assert told["inference_count"] == 10
    assert told["execution_count"] == calls == 3
    stats = told["inference_stats"]
    assert stats["queue"]["count"] == stats["compute_infer"]["count"] == 1
    assert stats["compute_infer"]["ns"] >= 3 * CALL_S * 1e9


async def test_refused_rows_are_no_inferences_and_their_calls_are_executions():
    told, calls = await measured([[1, 2, -3, 4], [-5]])
    assert told["inference_count"] == 3
    assert told["execution_count"] == calls == 6  # 4 rows, 2, 2, 1, 1; then the last request
    stats = told["inference_stats"]
    assert stats["success"]["count"] == 1  # its bad row is reported within the answer
    assert stats["fail"]["count"] == 1
    assert stats["fail"]["ns"] >= CALL_S * 1e9


async def test_a_model_without_a_batcher():
    statistics = ModelStatistics()
    with statistics.request():
        await asyncio.sleep(0.01)
    with pytest.raises(ValueError, match="no"), statistics.request():
        raise ValueError("no")
    task = asyncio.create_task(_in_request(statistics))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    told = statistics.to_json("m", "1")
    assert told["inference_count"] == told["execution_count"] == 1
    stats = told["inference_stats"]
    assert stats["success"]["count"] == stats["queue"]["count"] == 1
    assert stats["success"]["ns"] == stats["compute_infer"]["ns"] >= 0.009 * 1e9
    assert stats["fail"]["count"] == 2  # one raised, one cancelled


async def _in_request(statistics):
    with statistics.request():
        await asyncio.sleep(10)


class Model:
    name, version, platform = "m", "1", "onnxruntime_onnx"
    inputs = (
        TensorSpec("images", "UINT8", (-1, 8, 8, 3)),
        TensorSpec("label", "BYTES", (-1, 1), optional=True),
    )
    outputs: tuple[TensorSpec, ...] = (TensorSpec("keypoints", "FP32", (-1, 17, 3)),)
    parameters: ClassVar[dict[str, int]] = {"crop_height": 8}


class Detector(Model):
    outputs = (
        TensorSpec("boxes", "FP32", (-1, 4)),
        TensorSpec("image_index", "INT64", (-1,), is_row_index=True),
    )


def test_the_configuration_of_a_model_with_rows():
    config = model_config(Entry(Model(), batching=BatchLimits(max_batch=16, max_delay_ms=2.5)))
    assert config["max_batch_size"] == 16
    assert config["dynamic_batching"] == {"max_queue_delay_microseconds": 2500}
    assert config["input"] == [
        {"name": "images", "data_type": "TYPE_UINT8", "dims": [8, 8, 3], "optional": False},
        {"name": "label", "data_type": "TYPE_STRING", "dims": [1], "optional": True},
    ]
    assert config["output"] == [{"name": "keypoints", "data_type": "TYPE_FP32", "dims": [17, 3]}]
    assert (config["platform"], config["backend"]) == ("onnxruntime_onnx", "onnxruntime")
    assert config["parameters"] == {"crop_height": {"string_value": "8"}}


@pytest.mark.parametrize("entry", [Entry(Detector(), batching=BatchLimits()), Entry(Model())])
def test_a_model_whose_outputs_are_not_rows_promises_no_batch(entry):
    config = model_config(entry)
    assert config["max_batch_size"] == 0
    assert "dynamic_batching" not in config
    assert config["input"][0]["dims"] == [-1, 8, 8, 3]
    assert config["output"][0]["dims"] == list(entry.model.outputs[0].shape)
