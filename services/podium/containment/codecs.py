"""Implements ``Codecs`` with workers: the process that serves never parses media itself."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from podium.containment.indexes import index_of_message, index_to_message
from podium.containment.messages import Message
from podium.containment.shared_memory import Block
from podium.containment.workers import Worker, Workers
from podium.errors import InvalidInput, Unprocessable, raise_if_exhausted
from podium.media.codecs import Check, ReadFrame, ReadPicture, VideoLimits, go_on
from podium.media.containers import Source
from podium.media.files import OpenFile, size_bytes
from podium.media.frame_sizes import check_size
from podium.media.picture_header import picture_size
from podium.media.video_index import VideoIndex
from podium.types import Int64, UInt8
from podium.wire import Parameter, TensorSpec
from podium.yuv import Colours, Picture, Yuv, matrix_of

T = TypeVar("T")

_log = logging.getLogger("podium.containment")

BASE_S, PER_MEGABYTE_S, PER_MEGAPIXEL_S = 10.0, 2.0, 0.1
"""Processor time that one medium may take: in any case, and for each megabyte of the file and each
megapixel to be decoded. H.264, HEVC and AV1 take 2 to 10 ms a megapixel."""

_CHANNELS = 3
_SHAPES = TensorSpec("shapes", "INT64", (-1, _CHANNELS))
_ORDINALS = TensorSpec("ordinals", "INT64", (-1,))
_IS_FITTED = TensorSpec("is_fitted", "BOOL", (-1,))
_COLOURS = TensorSpec("colours", "INT64", (-1, len(fields(Colours))))
_MOST_CODE = 255  # of colours
_MOST_FRAMES, _MOST_BYTES = 16, 32 << 20
"""The most of one answer, which has at least one frame. Larger answers would not be cheaper."""


class ContainedCodecs:
    """Decodes with worker processes; ``podium.media.codecs.Codecs`` says what the methods do.

    Args:
        memory_bytes: Address space that decoding one medium may take.
        idle: How many idle workers are kept for the next media.
        rest_s: Without a worker for so long, the nursery ends; None: it does not.
    """

    def __init__(self, *, memory_bytes: int, idle: int, rest_s: float | None = None) -> None:
        self._workers = Workers(memory_bytes=memory_bytes, idle=idle, rest_s=rest_s)

    def __enter__(self) -> Self:
        self._workers.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the workers; the next use starts others."""
        self._workers.close()

    def scan(self, source: Source, limits: VideoLimits, check: Check) -> VideoIndex:
        """Index the packets of a video."""
        with _File(source) as file:
            message = Message(
                {"question": "scan", "field": source.field, **_parameters(limits)},
                {"head": np.frombuffer(source.head, np.uint8)},
                [file.descriptor],
            )

            def ask(worker: Worker) -> VideoIndex:
                answer = worker.ask(
                    message, field=source.field, check=check, budget_s=_budget_s(file.bytes)
                )
                with _trusted(worker, source.field):
                    index = index_of_message(answer)
                check_size(index.width, index.height, limits.max_pixels, field=source.field)
                check_size(*index.size, limits.max_pixels, field=source.field)
                return index

            return self._once(ask)

    def open(self, source: Source, index: VideoIndex, limits: VideoLimits) -> _Contained:
        """Open an indexed video."""
        told = index_to_message(index)
        with _File(source) as file:
            message = Message(
                {**told.parameters, "question": "open", "field": source.field}
                | _parameters(limits),
                {**told.tensors, "head": np.frombuffer(source.head, np.uint8)},
                [file.descriptor],
            )
            worker = self._workers.take()
            try:
                budget_s = _budget_s(file.bytes)
                worker.ask(message, field=source.field, check=go_on, budget_s=budget_s)
            except BaseException:
                worker.end()
                raise
        return _Contained(self._workers, worker, source.field, index, file.bytes)

    def picture(self, data: bytes, field: str, check: Check) -> ReadPicture:
        """Decode a picture whose size was checked."""
        width, height = picture_size(data, field=field)
        size = width * height * _CHANNELS

        def ask(worker: Worker) -> ReadPicture:
            block, content = worker.memory.take(max(size, len(data)))
            content[: len(data)] = np.frombuffer(data, np.uint8)
            said, descriptors = _told(block)
            question = {"question": "picture", "field": field, "size": len(data), **said}
            answer = worker.ask(
                Message(question, descriptors=descriptors),
                field=field,
                check=check,
                budget_s=_budget_s(len(data), width * height),
            )
            with _trusted(worker, field):
                shapes = _shapes(answer, (width, height), 1)
                if not shapes:
                    raise _misfit("shapes")
                (pixels,) = _cut(content, shapes)
            notes = str(answer.parameters.get("notes", "")).splitlines()
            return ReadPicture(pixels, tuple(notes))

        return self._once(ask)

    def _once(self, ask: Callable[[Worker], T]) -> T:
        worker = self._workers.take()
        try:
            return ask(worker)
        finally:
            self._workers.give_back(worker)


class _Contained:
    """A video that a worker has open."""

    def __init__(
        self,
        workers: Workers,
        worker: Worker,
        field: str,
        index: VideoIndex,
        media_bytes: int,
    ) -> None:
        self._workers = workers
        self._worker = worker
        self._field = field
        self._size = index.size
        self._media_bytes = media_bytes
        self._is_420 = index.is_420
        self._frame_bytes = round(index.size[0] * index.size[1] * index.bytes_per_pixel)

    def read(
        self, ordinals: Int64, starts: Sequence[int | None], check: Check
    ) -> Generator[ReadFrame, None, None]:
        width, height = self._size
        pixels = width * height
        most = max(1, min(_MOST_FRAMES, _MOST_BYTES // self._frame_bytes))
        budget_s: float | None = _budget_s(self._media_bytes, pixels * len(ordinals))
        tensors = {
            "ordinals": ordinals,
            "starts": np.array([-1 if start is None else start for start in starts], np.int64),
        }
        missing = set(ordinals.tolist())
        for first in range(0, len(ordinals), most):
            count = min(most, len(ordinals) - first)
            block, content = self._worker.memory.take(count * self._frame_bytes)
            said, descriptors = _told(block)
            message = Message({"question": "read", "count": count, **said}, tensors, descriptors)
            answer = self._worker.ask(message, field=self._field, check=check, budget_s=budget_s)
            tensors, budget_s = {}, None  # the next ones of these
            with _trusted(self._worker, self._field):
                frames = self._frames(content, answer, count)
                given = {frame.ordinal for frame in frames}
                if len(given) < len(frames) or not given <= missing:
                    raise _misfit("ordinals")
            missing -= given
            yield from frames
            if len(frames) < count:
                return

    def _frames(self, content: UInt8, answer: Message, count: int) -> list[ReadFrame]:
        """The frames, ``count`` or fewer, that an answer says are in ``content``."""
        shapes = _shapes(answer, self._size, count)
        pictures: Sequence[Picture] = (
            _cut_stored(content, shapes, answer) if self._is_420 else _cut(content, shapes)
        )
        ordinals, is_fitted = (
            _tensor(answer, spec, len(shapes)).tolist() for spec in (_ORDINALS, _IS_FITTED)
        )
        return [ReadFrame(*each) for each in zip(ordinals, pictures, is_fitted, strict=True)]

    def close(self) -> None:
        if self._worker.is_usable:
            with suppress(InvalidInput):
                self._worker.ask(Message({"question": "close"}), field=self._field, check=go_on)
        self._workers.give_back(self._worker)


class _File:
    """Media as an open file, whose descriptor a worker gets."""

    def __init__(self, source: Source) -> None:
        data = source.data
        try:
            self.bytes = size_bytes(data)
            if isinstance(data, OpenFile):
                self.descriptor = os.dup(data.descriptor)
            elif isinstance(data, bytes):
                self.descriptor = os.memfd_create("media", os.MFD_CLOEXEC)
                with os.fdopen(os.dup(self.descriptor), "wb") as file:
                    file.write(data)
            else:
                self.descriptor = os.open(data, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise_if_exhausted(error)
            raise Unprocessable(
                f"cannot be opened ({error.strerror})", field=source.field
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        os.close(self.descriptor)


def _budget_s(media_bytes: int, pixels: int = 0) -> float:
    return BASE_S + PER_MEGABYTE_S * media_bytes / 1e6 + PER_MEGAPIXEL_S * pixels / 1e6


def _parameters(limits: VideoLimits) -> dict[str, Parameter]:
    return {
        "max_pixels": limits.max_pixels,
        "max_duration_s": min(limits.max_duration_s, sys.float_info.max),
        "threads": limits.threads,
    }


def _told(block: Block) -> tuple[dict[str, Parameter], list[int]]:
    """Parameters and descriptors that name a block to a worker: its file goes along only once."""
    descriptors = [] if block.is_known else [block.descriptor]
    block.is_known = True
    return {"block": block.number}, descriptors


@contextmanager
def _trusted(worker: Worker, field: str) -> Iterator[None]:
    """What reads an answer raises InvalidInput if it is impossible: a file has taken over then.

    Raises:
        Unprocessable: it is impossible; the worker is not used again.
    """
    try:
        yield
    except InvalidInput as error:
        worker.is_usable = False
        _log.warning("media break their decoder: %s", error)
        raise Unprocessable("breaks its decoder", field=field) from None


def _cut(content: UInt8, shapes: list[list[int]]) -> list[UInt8]:
    """The pictures that lie in ``content`` one after the other, (H, W, 3) each."""
    return [part.reshape(shape) for part, shape in _parts(content, shapes, _CHANNELS)]


def _cut_stored(content: UInt8, shapes: list[list[int]], answer: Message) -> list[Yuv]:
    """As ``_cut``, for frames in 4:2:0, (H * 3 / 2, W) each."""
    colours = _tensor(answer, _COLOURS, len(shapes))
    if np.any((colours < 0) | (colours > _MOST_CODE)):
        raise _misfit("colours")
    return [
        Yuv(
            part.reshape(height // 2 * 3, width),
            Colours(matrix_of(matrix), primaries, transfer, is_full_range=bool(is_full_range)),
        )
        for (part, (height, width, _)), (matrix, primaries, transfer, is_full_range) in zip(
            _parts(content, shapes, _CHANNELS / 2), colours.tolist(), strict=True
        )
    ]


def _shapes(answer: Message, size: tuple[int, int], most: int) -> list[list[int]]:
    """The shapes in RGB of at most so many frames of a size; they may be turned."""
    width, height = size
    upright, turned = [height, width, _CHANNELS], [width, height, _CHANNELS]
    shapes: list[list[int]] = _tensor(answer, _SHAPES).tolist()
    if len(shapes) > most or any(shape not in (upright, turned) for shape in shapes):
        raise _misfit("shapes")
    return shapes


def _tensor(answer: Message, spec: TensorSpec, rows: int | None = None) -> NDArray[Any]:
    """A tensor of an answer. Raises InvalidInput unless it is there, with so many rows."""
    tensor = answer.tensors.get(spec.name)
    if tensor is None:
        raise _misfit(spec.name)
    spec.check(tensor)
    if rows is not None and len(tensor) != rows:
        raise _misfit(spec.name)
    return tensor


def _parts(
    content: UInt8, shapes: list[list[int]], bytes_per_pixel: float
) -> Iterator[tuple[UInt8, list[int]]]:
    at = 0
    for shape in shapes:
        length = round(shape[0] * shape[1] * bytes_per_pixel)
        yield content[at : at + length], shape
        at += length


def _misfit(name: str) -> InvalidInput:
    return InvalidInput("cannot be", field=name)
