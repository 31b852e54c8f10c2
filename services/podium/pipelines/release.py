"""Gives frames back that no crop will be cut out of any more."""

from __future__ import annotations

import asyncio
import contextvars
from contextlib import suppress

import numpy as np

from podium.errors import PodiumError
from podium.stages import Decode
from podium.types import CropSpec, FrameHandle

_releasing: set[asyncio.Task[None]] = set()  # the event loop alone would not keep them alive


def release_soon(decode: Decode, frames: FrameHandle, spec: CropSpec) -> None:
    """Let go of frames in a task that outlives the request, which may have ended or failed.

    Decoding waits while the frames of others fill the store; without this, until they expire.

    Args:
        decode: Who keeps the frames.
        frames: Which.
        spec: A size of crops; none are cut.
    """

    async def release() -> None:
        with suppress(PodiumError):  # then they expire
            nothing = np.zeros(0, np.int64), np.zeros((0, 5), np.float32)
            await decode.crop(frames, *nothing, spec, release=True)

    # An empty context: the deadline and the trace of the request are not those of this call.
    task = asyncio.get_running_loop().create_task(release(), context=contextvars.Context())
    _releasing.add(task)
    task.add_done_callback(_releasing.discard)
