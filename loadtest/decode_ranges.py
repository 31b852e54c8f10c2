"""``python -m loadtest.decode_ranges``: decoding in ranges beside decoding from end to end by PyAV.

The bundled clip, forwards and backwards, is encoded with key frames as far apart as asked. It is
then decoded to RGB by PyAV, and by the video reader in ranges as pipelines ask for them, with one
thread each, in this process. Processor time counts, so that others may use the machine meanwhile.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from loadtest.payloads import BUNDLED
from podium.media.containers import HEAD_BYTES, Source
from podium.media.video import VideoReader
from podium.types import UInt8
from podium.vision.video_frames import rgb_of

_MOST_PIXELS = 40_000_000
_KEPT_BYTES = 256 << 20  # as in the decode service


def main() -> None:
    """Print a line for each round."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.decode_ranges", description=__doc__)
    parser.add_argument("--size", default="1280x720", help="width x height (%(default)s)")
    parser.add_argument("--frames", type=int, default=250, help="frames (%(default)s)")
    parser.add_argument(
        "--gop",
        type=int,
        nargs="+",
        default=[30],
        help="frames per key frame (30); several compare",
    )
    parser.add_argument("--range", type=int, default=32, help="frames per range (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (%(default)s)")
    asked = parser.parse_args()
    width, height = map(int, asked.size.split("x"))
    with tempfile.TemporaryDirectory(prefix="podium-ranges-") as folder:
        paths = {gop: Path(folder) / f"{gop}.mp4" for gop in asked.gop}
        for gop, path in paths.items():
            encode(path, (width, height), asked.frames, gop)
        found: dict[int, list[tuple[float, float]]] = {gop: [] for gop in paths}
        for _ in range(asked.rounds):
            for gop, path in paths.items():
                whole_ms = cpu_ms(partial(by_pyav, path))
                ranges_ms = cpu_ms(partial(in_ranges, path, asked.range))
                found[gop].append((whole_ms, ranges_ms))
                _print(gop, whole_ms, ranges_ms)
    for gop, rounds in found.items():
        whole_ms, ranges_ms = np.median(rounds, axis=0).tolist()
        _print(gop, whole_ms, ranges_ms, which="median")


def _print(gop: int, whole_ms: float, ranges_ms: float, which: str = "round") -> None:
    print(  # noqa: T201 - the output of the command
        f"{which}, a key frame every {gop}: CPU-ms a frame: PyAV {whole_ms:.2f}, "
        f"ranges {ranges_ms:.2f}, {ranges_ms / whole_ms:.2f} x"
    )


def pictures(size: tuple[int, int]) -> Iterator[UInt8]:
    """The bundled clip at another size, forwards and backwards without end."""
    with av.open(str(BUNDLED)) as container:
        read = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    for picture in itertools.cycle([*read, *reversed(read)]):
        yield cv2.resize(picture, size).astype(np.uint8, copy=False)


def encode(path: Path, size: tuple[int, int], count: int, gop: int) -> None:
    """Write H.264 with a key frame every ``gop`` frames and nowhere else."""
    options = {"preset": "superfast", "g": str(gop), "keyint_min": str(gop), "sc_threshold": "0"}
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=30, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for picture in itertools.islice(pictures(size), count):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def by_pyav(path: Path) -> int:
    """Decode a video from end to end; returns the number of frames."""
    with av.open(str(path)) as container:
        container.streams.video[0].thread_count = 1
        return sum(len(f.to_ndarray(format="rgb24")) > 0 for f in container.decode(video=0))


def in_ranges(path: Path, count: int) -> int:
    """Decode a video range by range; returns the number of frames."""
    with path.open("rb") as file:
        source = Source(path, file.read(HEAD_BYTES))
    done = 0
    with VideoReader(max_pixels=_MOST_PIXELS, threads=1, kept_bytes=_KEPT_BYTES) as reader:
        index = reader.index(source)
        for first in range(0, index.frame_count, count):
            wanted = np.arange(first, min(first + count, index.frame_count), dtype=np.int64)
            with closing(reader.frames(source, index, wanted)) as frames:
                done += sum(len(rgb_of(frame.pixels)) > 0 for frame in frames)
    return done


def cpu_ms(decode: Callable[[], int]) -> float:
    """Processor time of this process per decoded frame."""
    started = time.process_time()
    frames = decode()
    return (time.process_time() - started) * 1e3 / frames


if __name__ == "__main__":
    main()
