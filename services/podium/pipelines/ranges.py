"""Divides a request into chunks of frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from podium.errors import TooLarge
from podium.pipelines.spec import PipelineRequest
from podium.types import FrameBatch, FrameRange


@dataclass(frozen=True, slots=True)
class PipelineLimits:
    """How many frames one request may have, in all and in work."""

    chunk_frames: int = 32  # frames per decode call
    max_frames: int = 1024  # frames that one request may ask for
    overlap: int = 2  # chunks in work beside the one that is answered next, at least 1


def first_range(request: PipelineRequest, limits: PipelineLimits) -> FrameRange:
    """The first chunk."""
    size = limits.chunk_frames
    count = size if request.count is None else min(request.count, size)
    return FrameRange(request.start, count, request.step)


def other_ranges(
    request: PipelineRequest, limits: PipelineLimits, first: FrameBatch
) -> Iterator[FrameRange]:
    """The other chunks, once the first one has told the number of frames.

    Raises:
        TooLarge: the request asks for more than ``max_frames``.
    """
    start, step = request.start, request.step
    total = max(0, -(-(first.source.frame_count - start) // step))
    if request.count is not None:
        total = min(request.count, total)
    if total > limits.max_frames:
        raise TooLarge(
            f"{total} frames are more than the {limits.max_frames} that one request answers; "
            "ask for ranges with start and count",
            field="count",
        )
    size = min(limits.chunk_frames, len(first.frame_index))  # fewer if frames are large
    return (
        FrameRange(start + done * step, min(size, total - done), step)
        for done in range(len(first.frame_index), total, size)
    )
