"""Videos of many codecs, containers and structures, each frame with its number in it."""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition

from tests.support.videos import numbered_picture, write_video

COUNT = 36
RATE = 25
SIZE = (160, 96)

H264 = {"codec": "libx264", "preset": "ultrafast", "g": "12", "sc_threshold": "0"}
B_FRAMES = {**H264, "preset": "veryfast", "bf": "3", "b_strategy": "0"}
OPEN_GOP = {**B_FRAMES, "x264-params": "open-gop=1"}
LONG_GOP = {**B_FRAMES, "g": "1000"}
REFRESH = {**H264, "x264-params": "intra-refresh=1"}
FIELDS = {**B_FRAMES, "flags": "+ildct+ilme", "x264-params": "interlaced=1"}
HEVC = {
    "codec": "libx265",
    "preset": "ultrafast",
    "x265-params": "log-level=none:keyint=12:bframes=3",
}
HEVC_OPEN = {**HEVC, "x265-params": HEVC["x265-params"] + ":open-gop=1"}
VP8 = {"codec": "libvpx", "g": "12", "deadline": "realtime", "cpu-used": "8"}
VP8_HIDDEN = {**VP8, "deadline": "good", "auto-alt-ref": "1", "lag-in-frames": "10", "b": "300k"}
VP9 = {"codec": "libvpx-vp9", "g": "12", "deadline": "realtime", "cpu-used": "8"}
VP9_HIDDEN = {**VP9, "deadline": "good", "auto-alt-ref": "1", "lag-in-frames": "12"}
AV1 = {"codec": "libsvtav1", "preset": "12", "g": "12", "svtav1-params": "lp=1"}
AV1_LONG = {**AV1, "g": "60"}
MPEG4 = {"codec": "mpeg4", "g": "12"}


def _of(codec: str, *, pix_fmt: str = "yuv420p", **options: str) -> dict[str, Any]:
    return {"codec": codec, "pix_fmt": pix_fmt, **options}


CODINGS: dict[str, tuple[dict[str, Any], str]] = {
    "h264": (H264, "mp4 mov mkv avi ts"),
    "h264-b": (B_FRAMES, "mp4 mov mkv avi ts"),
    "h264-open": (OPEN_GOP, "mp4 mov mkv avi ts"),
    "h264-long": (LONG_GOP, "mp4 mkv avi ts"),
    "h264-refresh": (REFRESH, "mp4 mkv ts"),
    "h264-interlaced": (FIELDS, "mp4 mkv ts"),
    "hevc": (HEVC, "mp4 mov mkv ts"),
    "hevc-open": (HEVC_OPEN, "mp4 mkv ts"),
    "vp8": (VP8, "webm mkv avi"),
    "vp8-hidden": (VP8_HIDDEN, "webm mkv"),
    "vp9": (VP9, "webm mkv mp4"),
    "vp9-hidden": (VP9_HIDDEN, "webm mkv mp4"),
    "av1": (AV1, "mp4 mkv webm"),
    "av1-long": (AV1_LONG, "mp4 mkv webm"),
    "mpeg1": (_of("mpeg1video", g="12", bf="2"), "ts mkv"),
    "mpeg2": (_of("mpeg2video", g="12"), "ts mkv mp4"),
    "mpeg2-b": (_of("mpeg2video", g="12", bf="2"), "ts mkv mp4"),
    "mpeg4": (MPEG4, "mp4 mov mkv avi"),
    "mpeg4-b": ({**MPEG4, "bf": "2"}, "mp4 mov mkv avi"),
    "msmpeg4v2": (_of("msmpeg4v2", g="12"), "avi"),
    "msmpeg4v3": (_of("msmpeg4", g="12"), "avi mkv"),
    "wmv1": (_of("wmv1", g="12"), "avi"),
    "wmv2": (_of("wmv2", g="12"), "avi"),
    "mjpeg": (_of("mjpeg", pix_fmt="yuvj420p"), "mp4 mov mkv avi"),
    "prores": (_of("prores_ks", pix_fmt="yuv422p10le"), "mov mkv"),
    "ffv1": (_of("ffv1", pix_fmt="yuv420p"), "mkv avi"),
    "huffyuv": (_of("huffyuv", pix_fmt="yuv422p"), "avi"),
    "ffvhuff": (_of("ffvhuff", pix_fmt="yuv420p"), "avi"),
    "utvideo": (_of("utvideo", pix_fmt="yuv422p"), "avi"),
    "rawvideo": (_of("rawvideo", pix_fmt="yuv420p"), "avi mkv"),
    "h263": ({**_of("h263", g="12"), "size": (176, 144)}, "mov avi"),
    "dv": ({**_of("dvvideo"), "size": (720, 576)}, "avi mov"),
    "dnxhd": (
        {**_of("dnxhd", pix_fmt="yuv422p", profile="dnxhr_lb"), "size": (256, 128)},
        "mov",
    ),
}

SQUARE = {"h263": (192, 144), "dv": (768, 576)}
"""What is shown of codings whose pixels are not square (12:11 and 16:15)."""


@dataclass(frozen=True)
class Member:
    """One video, and what is known of it apart from what FFmpeg shows."""

    name: str  # with the suffix of its container
    make: Callable[[Path], object]
    size: tuple[int, int] = SIZE  # as shown
    is_whole: bool = True  # False: cut off; frames may be declared that are not there
    is_cuttable: bool = True  # False: parts of it are not videos of the same size
    damaged: Sequence[int] = ()  # frames that a gap in the data goes through
    same_times: bool = True  # False: FFmpeg gives no times to compare with
    numbers_shown: bool = True  # False: they cannot be read in every frame
    notes: Sequence[str] = ()  # words of the notes


def members() -> Iterator[Member]:
    """All of them."""
    for coding, (options, containers) in CODINGS.items():
        for suffix in containers.split():
            size = SQUARE.get(coding, options.get("size", SIZE))
            yield Member(
                f"{coding}.{suffix}",
                lambda path, options=options: write_video(path, COUNT, rate=RATE, **options),
                size=size,
                is_cuttable=coding not in ("utvideo", "rawvideo"),
                same_times=(suffix, coding.partition("-")[0])
                not in (("avi", "h264"), ("avi", "hevc"), ("avi", "mpeg4")),
            )
    yield from _timed()
    yield from _shaped()
    yield from _packaged()
    yield from _damaged()


def _written(name: str, coding: dict[str, Any], **changed: Any) -> Callable[[Path], object]:
    return lambda path: write_video(path, COUNT, rate=RATE, **{**coding, **changed})


def _timed() -> Iterator[Member]:
    """Uneven, late, slowed and equal times."""
    uneven = np.cumsum([0, *[1, 1, 4, 1, 2, 7, 1] * 5]).tolist()
    late = [tick + 75 for tick in range(COUNT)]
    for name, ticks in (("uneven", uneven), ("late", late)):
        for suffix in ("mp4", "mov", "mkv", "ts"):
            yield Member(f"{name}.{suffix}", _written(name, B_FRAMES, ticks=ticks))
    yield Member("uneven.webm", _written("uneven", VP8, ticks=uneven))
    yield Member("uneven-hevc.mp4", _written("uneven", HEVC, ticks=uneven))
    for at in (20, COUNT - 1):
        yield Member(
            f"equal-at-{at}.mp4",
            lambda path, at=at: equal_times(path, at),
            same_times=False,
            notes=["1 frame(s) have the time stamp of the frame before"],
        )


def _shaped() -> Iterator[Member]:
    """Pixels that are not square, turned frames, frames of several sizes."""
    for suffix, coding in (("mp4", H264), ("mkv", H264), ("ts", B_FRAMES), ("mov", MPEG4)):
        for aspect in (Fraction(4, 3), Fraction(8, 9), Fraction(1, 2)):
            width = round(SIZE[0] * aspect)
            yield Member(
                f"aspect-{aspect.numerator}-{aspect.denominator}.{suffix}",
                _written("aspect", coding, pixel_aspect=aspect),
                size=(width, SIZE[1]),
                numbers_shown=aspect > Fraction(1, 2),
            )
    for rotation in (90, 180, 270):
        size = SIZE if rotation == 180 else SIZE[::-1]
        yield Member(
            f"turned-{rotation}.mp4", _written("turned", H264, rotation=rotation), size=size
        )
    yield Member(
        "turned-and-oblong.mov",
        _written("turned", H264, rotation=90, pixel_aspect=Fraction(3, 2)),
        size=(96, 240),
    )
    yield Member("other-sizes.mkv", lambda path: other_sizes(path, VP8))
    yield Member("other-sizes.ts", lambda path: other_sizes(path, H264), is_cuttable=False)


def _packaged() -> Iterator[Member]:
    """Fragments, edits, several streams, hidden samples, packed pictures."""
    fragmented = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    for name, coding in (("h264", B_FRAMES), ("hevc", HEVC), ("av1", AV1)):
        yield Member(f"fragmented-{name}.mp4", _written("", coding, container_options=fragmented))
    faststart = {"movflags": "faststart"}
    yield Member("faststart.mp4", _written("", B_FRAMES, container_options=faststart))
    yield Member("m2ts.ts", _written("", B_FRAMES, container_options={"mpegts_m2ts_mode": "1"}))
    for suffix in ("mkv", "webm"):
        coding = VP9 if suffix == "webm" else B_FRAMES
        yield Member(f"live.{suffix}", _written("", coding, container_options={"live": "1"}))
    for suffix in ("mp4", "mov"):
        for name, coding in (("b", B_FRAMES), ("open", OPEN_GOP), ("hevc", HEVC)):
            yield Member(
                f"edited-{name}.{suffix}", lambda path, coding=coding: edited(path, coding, 5)
            )
        yield Member(f"two-edits.{suffix}", lambda path: two_edits(path, B_FRAMES))
    yield Member("messages-only.mp4", with_messages)
    yield Member("packed.avi", packed_b_frames, same_times=False)
    yield Member("not-coded.avi", not_coded, same_times=False)
    for suffix in ("mp4", "mkv", "mov"):
        yield Member(f"no-presentation-times.{suffix}", unordered, same_times=False)
    yield Member("joined.ts", joined, same_times=False, damaged=[15])
    for first in (1, 77, 187):
        yield Member(f"within-a-packet-{first}.ts", lambda path, first=first: cut_head(path, first))
    for suffix in ("mkv", "mp4"):
        yield Member(
            f"preview-first.{suffix}", preview_first, notes=["2 video streams; the one of 160x96"]
        )
    for suffix in ("mp4", "mkv", "ts", "avi"):
        yield Member(f"with-sound.{suffix}", with_sound)


def _damaged() -> Iterator[Member]:
    """Cut off in their middle."""
    faststart = {"movflags": "faststart"}
    for suffix in ("mp4", "mkv", "ts", "avi"):
        for share in (0.4, 0.75):
            coding = {**MPEG4, "b": "4M"} if suffix == "avi" else B_FRAMES
            options = {"container_options": faststart} if suffix == "mp4" else {}
            yield Member(
                f"cut-at-{share}.{suffix}",
                lambda path, share=share, coding=coding, options=options: cut_off(
                    path, share, {**coding, **options}
                ),
                is_whole=False,
                same_times=False,
            )


def equal_times(path: Path, at: int) -> None:
    """Frame ``at`` has the time of the frame before: one more entry in the table of steps."""
    write_video(path, COUNT, **H264)
    data = bytearray(path.read_bytes())
    table = data.index(b"stts") - 4
    (step,) = struct.unpack_from(">I", data, table + 20)
    steps = [(at - 1, step), (1, 0), (COUNT - at, step)]
    box = struct.pack(">I", len(steps)) + b"".join(struct.pack(">II", *s) for s in steps)
    box = struct.pack(">I", 12 + len(box)) + b"stts\0\0\0\0" + box
    grown = len(box) - 24
    for name in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):  # the index lies behind the frames
        outer = data.index(name) - 4
        (size,) = struct.unpack_from(">I", data, outer)
        struct.pack_into(">I", data, outer, size + grown)
    data[table : table + 24] = box
    path.write_bytes(data)


def other_sizes(path: Path, coding: dict[str, Any]) -> None:
    """The second half is encoded in half the size, with the same picture."""
    options = {k: v for k, v in coding.items() if k != "codec"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(coding["codec"], rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        first = COUNT // 2
        packets = list(_encoded(coding, SIZE, range(first)))
        packets += _encoded(coding, (SIZE[0] // 2, SIZE[1] // 2), range(first, COUNT))
        for tick, packet in enumerate(packets):
            packet.stream, packet.time_base = stream, Fraction(1, RATE)
            packet.pts = packet.dts = tick
            container.mux(packet)


def _encoded(coding: dict[str, Any], size: tuple[int, int], numbers: range) -> Iterator[Any]:
    codec = av.CodecContext.create(coding["codec"], "w")
    codec.width, codec.height, codec.pix_fmt = *size, "yuv420p"
    codec.time_base = codec.framerate = Fraction(1, RATE)
    codec.options = {k: v for k, v in coding.items() if k != "codec"}
    for tick, number in enumerate(numbers):
        frame = av.VideoFrame.from_ndarray(numbered_picture(number, *SIZE), format="rgb24")
        frame = frame.reformat(*size, format="yuv420p")
        frame.pts, frame.time_base = tick, Fraction(1, RATE)
        yield from codec.encode(frame)
    yield from codec.encode(None)


def copied(source: Path, path: Path, change: Callable[[int, Any], Any], **options: str) -> None:
    """Copy the packets of a video; ``change`` gives what is written for each."""
    with av.open(str(source)) as reading, av.open(str(path), "w", options=options) as writing:
        stream = reading.streams.video[0]
        copy = writing.add_stream_from_template(stream, opaque=True)
        number = 0
        for packet in reading.demux(stream):
            if packet.size:
                for made in change(number, packet):
                    made.stream = copy
                    writing.mux(made)
                number += 1


def edited(path: Path, coding: dict[str, Any], frames: int) -> None:
    """A cut without encoding again: it starts at a key frame and hides what lies before the cut."""
    whole = write_video(path.with_suffix(".whole.mp4"), COUNT, rate=RATE, **coding)

    def earlier(_: int, packet: Any) -> list[Any]:
        shift = round(frames / RATE / packet.time_base)
        packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        return [packet]

    copied(whole, path, earlier)


def two_edits(path: Path, coding: dict[str, Any]) -> None:
    """The frames 14 to 23, then 2 to 9: two entries in the edit list."""
    write_video(path, COUNT, rate=RATE, **coding)
    data = bytearray(path.read_bytes())
    (movie_scale,) = struct.unpack_from(">I", data, data.index(b"mvhd") + 16)
    (media_scale,) = struct.unpack_from(">I", data, data.index(b"mdhd") + 16)
    edit = data.index(b"elst") - 4
    (size,) = struct.unpack_from(">I", data, edit)
    (start,) = struct.unpack_from(">i", data, edit + 20)  # media time of the first frame
    frame = media_scale // RATE
    entries = [
        (movie_scale * count // RATE, start + first * frame) for first, count in ((14, 10), (2, 8))
    ]
    box = struct.pack(">I", len(entries))
    box += b"".join(struct.pack(">IiI", length, time, 1 << 16) for length, time in entries)
    box = struct.pack(">I", 12 + len(box)) + b"elst\0\0\0\0" + box
    for name in (b"edts", b"trak", b"moov"):
        outer = data.index(name) - 4
        (outer_size,) = struct.unpack_from(">I", data, outer)
        struct.pack_into(">I", data, outer, outer_size + len(box) - size)
    data[edit : edit + size] = box
    path.write_bytes(data)


def with_messages(path: Path) -> None:
    """Every fourth sample of an MP4 holds a message (SEI) and no picture."""
    whole = write_video(path.with_suffix(".whole.mp4"), COUNT, rate=RATE, **H264)
    message = bytes([6, 5, 4, *b"work", 0x80])  # user data, unregistered

    def interleaved(number: int, packet: Any) -> list[Any]:
        place = number + number // 3
        packet.pts = packet.dts = place * packet.duration
        made = [packet]
        if number % 3 == 2:
            extra = av.Packet(struct.pack(">I", len(message)) + message)
            extra.time_base, extra.duration = packet.time_base, packet.duration
            extra.pts = extra.dts = (place + 1) * packet.duration
            made.append(extra)
        return made

    copied(whole, path, interleaved)


_NOT_CODED = b"\0\0\1\xb6\x50\x40"  # a P picture whose vop_coded is 0


def packed_b_frames(path: Path) -> None:
    """As DivX wrote it: a P and a B picture in one chunk, then one that is not coded."""
    whole = write_video(path.with_suffix(".whole.avi"), COUNT, rate=RATE, **MPEG4, bf="1")
    with av.open(str(whole)) as reading:
        packets = [(bytes(p), p.is_keyframe) for p in reading.demux(video=0) if p.size]
    header = packets[0][0]
    start = header.index(b"\0\0\1\xb6")
    packets[0] = header[:start] + b"\0\0\1\xb2DivX503b1393p" + header[start:], True
    chunks: list[tuple[bytes, bool]] = []
    for number, (data, is_key) in enumerate(packets):
        kind = data[data.index(b"\0\0\1\xb6") + 4] >> 6
        if kind == 2 and number:  # B
            previous, was_key = chunks.pop()
            chunks += [(previous + data, was_key), (_NOT_CODED, False)]
        else:
            chunks.append((data, is_key))
    _write_chunks(whole, path, chunks)


def not_coded(path: Path) -> None:
    """Chunks that are not coded in place of frames that were dropped; no B-frames."""
    whole = write_video(path.with_suffix(".whole.avi"), COUNT, rate=RATE, **MPEG4)
    with av.open(str(whole)) as reading:
        packets = [(bytes(p), p.is_keyframe) for p in reading.demux(video=0) if p.size]
    chunks: list[tuple[bytes, bool]] = []
    for number, chunk in enumerate(packets):
        chunks.append(chunk)
        if number in (4, 5, 17):
            chunks.append((_NOT_CODED, False))
    _write_chunks(whole, path, chunks)


def _write_chunks(template: Path, path: Path, chunks: list[tuple[bytes, bool]]) -> None:
    with av.open(str(template)) as reading, av.open(str(path), "w") as writing:
        copy = writing.add_stream_from_template(reading.streams.video[0], opaque=True)
        for place, (data, is_key) in enumerate(chunks):
            packet = av.Packet(data)
            packet.stream, packet.time_base = copy, Fraction(1, RATE)
            packet.pts = packet.dts = place
            packet.is_keyframe = is_key
            writing.mux(packet)


def joined(path: Path) -> None:
    """One transport stream behind the other."""
    write_video(path, COUNT // 2, rate=RATE, **B_FRAMES)
    path.write_bytes(path.read_bytes() * 2)


def unordered(path: Path) -> None:
    """B-frames whose presentation times are their decoding times, as some recorders write them."""
    whole = write_video(path.with_suffix(".whole.mp4"), COUNT, rate=RATE, **B_FRAMES)

    def flat(number: int, packet: Any) -> list[Any]:
        packet.pts = packet.dts = number * packet.duration
        return [packet]

    copied(whole, path, flat)


def cut_head(path: Path, first: int) -> None:
    """A transport stream that begins within a packet."""
    write_video(path, COUNT, rate=RATE, **B_FRAMES)
    packet = path.read_bytes()[:188]
    path.write_bytes(packet[first:] + path.read_bytes())


def preview_first(path: Path) -> None:
    """A small stream of few frames, then the one that is marked as default."""
    small = write_video(path.with_suffix(".small.mp4"), 3, rate=1, size=(96, 64), **H264)
    large = write_video(path.with_suffix(".large.mp4"), COUNT, rate=RATE, **B_FRAMES)
    with av.open(str(path), "w") as writing, av.open(str(small)) as one, av.open(str(large)) as two:
        copies = [
            writing.add_stream_from_template(source.streams.video[0], opaque=True)
            for source in (one, two)
        ]
        copies[0].disposition = Disposition(0)
        copies[1].disposition = Disposition.default
        for source, copy in zip((one, two), copies, strict=True):
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = copy
                    writing.mux(packet)


def with_sound(path: Path) -> None:
    """The sound comes before the video, in time and in the order of the streams."""
    sound = "mp2" if path.suffix in (".avi", ".ts") else "aac"
    with av.open(str(path), "w") as container:
        voice = container.add_stream(sound, rate=48_000)
        stream = container.add_stream(
            "mpeg4" if path.suffix == ".avi" else "libx264", rate=RATE, options={"g": "12"}
        )
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        size = voice.codec_context.frame_size or 1152
        for place in range(0, 2 * 48_000, size):
            kind = "fltp" if sound == "aac" else "s16"
            samples = np.zeros((2, size) if kind == "fltp" else (1, 2 * size))
            samples = samples.astype("float32" if kind == "fltp" else "int16")
            noise = av.AudioFrame.from_ndarray(samples, format=kind, layout="stereo")
            noise.sample_rate, noise.pts, noise.time_base = 48_000, place, Fraction(1, 48_000)
            container.mux(voice.encode(noise))
        container.mux(voice.encode(None))
        for number in range(COUNT):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number, *SIZE), format="rgb24")
            frame.pts, frame.time_base = number + 5, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def cut_off(path: Path, share: float, coding: dict[str, Any]) -> None:
    """The first part of a file."""
    write_video(path, COUNT, rate=RATE, **coding)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def decoded_plainly(path: Path) -> list[av.VideoFrame]:
    """The oracle: FFmpeg from the first frame of its best stream to the last, without seeking."""
    with av.open(io.BytesIO(path.read_bytes())) as container:
        stream = container.streams.best("video")
        frames: list[av.VideoFrame] = []
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:
                packet = None
            with contextlib.suppress(av.FFmpegError):
                frames += stream.codec_context.decode(packet)
            if packet is None or not packet.size:
                return frames
