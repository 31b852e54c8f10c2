"""The process that decodes: it answers questions about one medium at a time."""

from __future__ import annotations

import mmap
import os
import socket
import traceback
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import astuple
from typing import Any

import numpy as np

from podium.containment.indexes import index_of_message, index_to_message
from podium.containment.messages import MOST_DESCRIPTORS, Message, receive, send
from podium.errors import InvalidInput
from podium.media.codecs import CodecsHere, OpenVideo, ReadFrame, VideoLimits, go_on
from podium.media.containers import Source
from podium.media.files import OpenFile
from podium.types import UInt8
from podium.yuv import Yuv

_MOST_CHARACTERS = 4000


def work(parent: socket.socket) -> None:
    """Answer until the parent hangs up."""
    worker = _Worker()
    while True:
        try:
            asked = receive(parent, descriptors=MOST_DESCRIPTORS)
        except (EOFError, OSError):
            return
        try:
            answer = worker.answer(asked)
        except InvalidInput as error:
            answer = Message({"status": error.status, "error": error.message})
        except MemoryError:
            answer = Message({"status": 0, "error": "memory"})
        except Exception as error:
            told = traceback.format_exception(error)
            answer = Message({"status": 0, "error": "".join(told)[-_MOST_CHARACTERS:]})
        send(parent, answer)


class _Worker:
    def __init__(self) -> None:
        self._codecs = CodecsHere()
        self._blocks: dict[int, mmap.mmap] = {}
        self._file: int | None = None
        self._video: OpenVideo | None = None
        self._frames: Generator[ReadFrame, None, None] | None = None
        self._answers: dict[str, Callable[[Message], Message]] = {
            "scan": self._scan,
            "open": self._open,
            "read": self._read,
            "picture": self._picture,
            "close": self._close,
        }

    def answer(self, asked: Message) -> Message:
        for block in asked.tensors.get("forget", np.zeros(0, np.int64)).tolist():
            self._blocks.pop(block).close()
        return self._answers[str(asked.parameters["question"])](asked)

    def _scan(self, asked: Message) -> Message:
        try:
            return index_to_message(self._codecs.scan(_source(asked), _limits(asked), go_on))
        finally:
            os.close(asked.descriptors[0])

    def _open(self, asked: Message) -> Message:
        self._file = asked.descriptors[0]
        self._video = self._codecs.open(_source(asked), index_of_message(asked), _limits(asked))
        return Message({})

    def _read(self, asked: Message) -> Message:
        """The next ``count`` frames: of new ordinals, or without ordinals of those given before."""
        assert self._video is not None  # noqa: S101 - it was opened before
        if "ordinals" in asked.tensors:
            if self._frames is not None:
                self._frames.close()
            starts = [None if n < 0 else n for n in asked.tensors["starts"].tolist()]
            self._frames = self._video.read(asked.tensors["ordinals"], starts, go_on)
        assert self._frames is not None  # noqa: S101 - there were ordinals before
        block = self._block(asked)
        ordinals: list[int] = []
        shapes: list[tuple[int, ...]] = []
        is_fitted: list[bool] = []
        colours: list[list[int]] = []
        at = 0
        while len(ordinals) < int(asked.parameters["count"]):
            frame = next(self._frames, None)
            if frame is None:
                break
            stored = frame.pixels.planes if isinstance(frame.pixels, Yuv) else frame.pixels
            block[at : at + stored.size].reshape(stored.shape)[...] = stored
            at += stored.size
            ordinals.append(frame.ordinal)
            shapes.append(frame.pixels.shape)
            if isinstance(frame.pixels, Yuv):
                colours.append([int(code) for code in astuple(frame.pixels.colours)])
            is_fitted.append(frame.is_fitted)
        return Message(
            {},
            {
                "ordinals": np.array(ordinals, np.int64),
                "shapes": np.array(shapes, np.int64).reshape(-1, 3),
                "is_fitted": np.array(is_fitted, np.bool_),
                "colours": np.array(colours, np.int64).reshape(-1, 4),
            },
        )

    def _picture(self, asked: Message) -> Message:
        block = self._block(asked)
        data = block[: int(asked.parameters["size"])].tobytes()
        read = self._codecs.picture(data, str(asked.parameters["field"]), go_on)
        block[: read.pixels.size].reshape(read.pixels.shape)[...] = read.pixels
        shape = np.array([read.pixels.shape], np.int64)
        return Message({"notes": "\n".join(read.notes)}, {"shapes": shape})

    def _close(self, asked: Message) -> Message:
        if self._frames is not None:
            self._frames.close()
        if self._video is not None:
            self._video.close()
        if self._file is not None:
            os.close(self._file)
        self._frames = self._video = self._file = None
        return Message({})

    def _block(self, asked: Message) -> UInt8:
        """The memory that frames are written into; the parent sends the file of each only once."""
        number = int(asked.parameters["block"])
        if asked.descriptors:
            with closing(os.fdopen(asked.descriptors[0])) as file:
                self._blocks[number] = mmap.mmap(file.fileno(), 0)
        return np.frombuffer(self._blocks[number], np.uint8)


def _source(asked: Message) -> Source:
    head: Any = asked.tensors["head"]
    return Source(OpenFile(asked.descriptors[0]), head.tobytes(), str(asked.parameters["field"]))


def _limits(asked: Message) -> VideoLimits:
    said = asked.parameters
    return VideoLimits(
        int(said["max_pixels"]),
        float(said["max_duration_s"]),
        int(said["threads"]),
    )
