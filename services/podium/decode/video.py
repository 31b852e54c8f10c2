"""Video: a range of frames costs that range, wherever it lies.

The packets are indexed first (``video_index``); then decoding starts at the key frame before the
range. Variable frame rates keep their time stamps and rotated recordings are turned upright.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from functools import lru_cache
from itertools import chain, islice
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from podium.decode.frames import CHANNELS, Claim, DecodedFrames, Limits, check_pixels, select
from podium.errors import TooLarge, Unprocessable
from podium.media.containers import Source
from podium.media.upright import to_rgb
from podium.media.video_index import (
    VideoIndex,
    frames_of,
    packet_id,
    packets_of,
    scan,
)
from podium.types import FrameRange, Int64, SourceFacts, UInt8

_INDEXES_KEPT = 4
"""Of the files read last; the index of two hours takes some 50 MB."""

_RECOVERY_KEYS = 4
"""With intra refresh the picture is whole only some time after a "key frame": where the nearest one
gives nothing, decoding starts this many earlier."""


def decode_video(
    source: Source,
    frames: FrameRange,
    limits: Limits,
    *,
    threads: int = 1,
    claim: Claim = lambda _: None,
) -> DecodedFrames:
    """Decode a range of frames.

    Args:
        source: The media.
        frames: Which frames.
        limits: Checked before the first frame is decoded.
        threads: For the codec.
        claim: Told how many bytes the frames will have, before they are decoded.

    Raises:
        UnsupportedMedia: a container or codec that is not read.
        Unprocessable: damaged, cut off before its first frame, or without video.
        TooLarge: over a limit.
        InvalidInput: the range starts beyond the end.
    """
    index = _index(source, limits)
    _check_duration(index.duration_s, limits)
    ordinals = select(frames, index.frame_count, index.width * index.height, limits)
    present = ordinals[ordinals < len(index.packet)]
    claim(len(present) * index.width * index.height * CHANNELS)
    pixels: dict[int, UInt8] = {}
    entries = index.entries(present)[:_RECOVERY_KEYS]
    for entry in dict.fromkeys(entries[:1] + entries[-1:]):
        pixels.clear()
        pixels.update(_decode(source, index, present, entry, threads))
        if present[0] in pixels:
            break
    return DecodedFrames(
        frame_index=ordinals,
        time_s=index.times(ordinals),
        frame_ok=np.isin(ordinals, list(pixels)),
        pixels=pixels,
        size=_shown_size(pixels or dict(_first_frame(source, index))),
        source=SourceFacts(index.frame_count, index.fps, index.duration_s, index.complete),
    )


def _index(source: Source, limits: Limits) -> VideoIndex:
    if isinstance(source.data, bytes):
        return _scan(source, limits)
    status = source.data.stat()
    return _file_index(source, limits, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=_INDEXES_KEPT)
def _file_index(source: Source, limits: Limits, size_bytes: int, mtime_ns: int) -> VideoIndex:
    """The index of a file as it is now; once it changes, another entry is made."""
    return _scan(source, limits)


def _scan(source: Source, limits: Limits) -> VideoIndex:
    with source.open_video(limits.max_pixels) as (container, stream):
        check_pixels(stream.codec_context.width, stream.codec_context.height, limits)
        if container.format.name != "mpegts":  # which declares none: FFmpeg would estimate it
            _check_duration(_declared_s(container, stream), limits)
        return scan(container, stream)


def _declared_s(container: InputContainer, stream: VideoStream) -> float:
    """What the header says; 0: nothing."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / av.time_base


def _check_duration(duration_s: float, limits: Limits) -> None:
    if duration_s > limits.max_duration_s:
        raise TooLarge(
            f"is {duration_s:.0f} s long; at most {limits.max_duration_s:.0f} s are read",
            field="media",
        )


def _decode(
    source: Source, index: VideoIndex, ordinals: Int64, entry: int, threads: int
) -> Generator[tuple[int, UInt8], None, None]:
    """Decode the frames ``ordinals`` (ascending) from the packet ``entry`` on."""
    last = int(index.packet[ordinals].max())
    wanted = frozenset(index.packet[ordinals].tolist()) - index.damaged

    with source.open_video(index.width * index.height) as (container, stream):
        codec = stream.codec_context
        codec.thread_count = threads

        def needed() -> Iterator[tuple[int, Packet[Any]]]:
            for number, packet in _packets_from(container, stream, source, index, entry):
                if number > last:
                    return
                # A frame that no other refers to is decoded only where it is wanted itself.
                codec.skip_frame = "DEFAULT" if number in wanted else "NONREF"
                yield number, packet

        for number, frame in frames_of(codec, needed()):
            same_size = (frame.width, frame.height) == (index.width, index.height)
            if number in wanted and same_size and not frame.is_corrupt:
                yield int(index.ordinal[number]), to_rgb(frame)


def _packets_from(
    container: InputContainer, stream: VideoStream, source: Source, index: VideoIndex, entry: int
) -> Iterator[tuple[int, Packet[Any]]]:
    """Numbered packets from ``entry`` on: by seeking, or where that fails by reading past."""
    if entry:
        with suppress(av.FFmpegError):
            container.seek(int(index.seek_time[entry]), stream=stream)
    packets = packets_of(container, stream)
    first = next(packets, None)
    number = index.number.get(packet_id(first), len(index.ordinal)) if first else entry + 1
    if first and number <= entry:
        yield from islice(enumerate(chain([first], packets), number), entry - number, None)
        return
    with source.open_video(index.width * index.height) as (again, its_stream):
        yield from islice(enumerate(packets_of(again, its_stream)), entry, None)


def _first_frame(source: Source, index: VideoIndex) -> Iterator[tuple[int, UInt8]]:
    """The first frame of the source that decodes, if any."""
    everything = np.arange(len(index.packet))
    with closing(_decode(source, index, everything, 0, threads=1)) as frames:
        yield from islice(frames, 1)


def _shown_size(pixels: dict[int, UInt8]) -> tuple[int, int]:
    """Width and height after rotation."""
    for image in pixels.values():
        return image.shape[1], image.shape[0]
    raise Unprocessable("none of its frames can be decoded", field="media")
