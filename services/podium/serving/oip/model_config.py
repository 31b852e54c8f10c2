"""A model's configuration in Triton's form, for perf_analyzer and other Triton clients.

Source: Triton's HTTP protocol, "Model Configuration Extension", and its ``ModelConfig`` message.
"""

from __future__ import annotations

from typing import Any

from podium.serving.oip.catalogue import Entry
from podium.wire import TensorSpec


def model_config(entry: Entry) -> dict[str, Any]:
    """Describe a model as Triton would.

    ``max_batch_size`` > 0 means that every tensor has the batch as its first dimension, which
    ``dims`` then omit. If the number of output rows varies (detections) or requests are computed
    one by one, ``max_batch_size`` is 0 and ``dims`` are complete, with -1 for what varies. Requests
    to such detectors still share batches.
    """
    model = entry.model
    batching = entry.batching
    if any(spec.is_row_index for spec in model.outputs):
        batching = None
    config: dict[str, Any] = {
        "name": model.name,
        "platform": model.platform,
        "backend": model.platform.partition("_")[0],
        "version_policy": {"all": {}},
        "max_batch_size": batching.max_batch if batching else 0,
        "input": [
            {**_tensor(spec, batched=batching is not None), "optional": spec.optional}
            for spec in model.inputs
        ],
        "output": [_tensor(spec, batched=batching is not None) for spec in model.outputs],
        "parameters": {
            key: {"string_value": str(value)} for key, value in model.parameters.items()
        },
    }
    if batching:
        delay_us = round(batching.max_delay_ms * 1e3)
        config["dynamic_batching"] = {"max_queue_delay_microseconds": delay_us}
    return config


def _tensor(spec: TensorSpec, *, batched: bool) -> dict[str, Any]:
    datatype = "STRING" if spec.datatype == "BYTES" else spec.datatype
    return {
        "name": spec.name,
        "data_type": f"TYPE_{datatype}",
        "dims": list(spec.shape[1:] if batched else spec.shape),
    }
