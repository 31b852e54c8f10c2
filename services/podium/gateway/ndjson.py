"""Answers frame by frame: newline-delimited JSON.

The first line holds the facts common to all frames. Then comes one line per frame, as soon as its
chunk is done, and at the end a line with ``timing_ms`` and ``degraded``. If a stage fails, the
last line is ``{"error": ...}`` instead; the frames before it are valid.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from podium.errors import PodiumError
from podium.pipelines.answer import Answer, to_json
from podium.serving.observing.deadline import time_limit

NDJSON = "application/x-ndjson"

_log = logging.getLogger("podium.ndjson")


async def ndjson(
    answers: AsyncGenerator[Answer, None], budget: float
) -> AsyncGenerator[bytes, None]:
    """The lines of an answer.

    Args:
        answers: The answer in pieces of consecutive frames.
        budget: Seconds that the whole answer may take.

    Raises:
        PodiumError: a failure before the first line; later ones become the last line.
    """
    async with aclosing(answers):
        until = time.monotonic() + budget
        async with time_limit(budget, "gateway"):
            answer = await anext(answers)
        yield to_json(answer.head()) + b"\n"
        degraded: dict[str, None] = {}
        try:
            while True:
                degraded |= dict.fromkeys(answer.degraded)
                yield b"".join(to_json(frame) + b"\n" for frame in answer.frames())
                try:
                    async with time_limit(until - time.monotonic(), "gateway"):
                        answer = await anext(answers)
                except StopAsyncIteration:
                    break
        except PodiumError as error:
            _log.warning("%s", error.message)
            yield to_json({"error": error.message, "status": error.status}) + b"\n"
            return
        yield to_json({"timing_ms": answer.timing_ms, "degraded": list(degraded)}) + b"\n"
