"""How weights are run: where, with how many threads, how many rows at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Provider = Literal["cpu", "cuda", "tensorrt"]


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Options of every engine.

    There is no fallback: an engine that cannot run on ``provider`` does not load.
    """

    provider: Provider = "cpu"

    threads: int = 1
    """Processor threads of one call."""

    max_rows: int = 1
    """Rows per call; a longer batch is split. On a processor one row at a time is fastest
    (measured: 8 rows cost 7 % more per row), needs least memory, and makes results independent of
    the rest of the batch. Graphics cards need more rows."""

    in_flight: int = 1
    """Calls at the same time, each with its own host buffers; further calls wait."""

    tensorrt_cache: Path | None = None
    """Folder for built TensorRT engines; None: they are built at each start, for minutes."""

    tensorrt_fp16: bool = False
    """Whether TensorRT may compute in FP16 what the weights have in FP32."""
