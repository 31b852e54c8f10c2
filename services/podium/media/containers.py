"""Opens video containers: a known format, told by its first bytes, and nothing else.

FFmpeg is never left to guess: its guess would follow playlists, which name other files.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from podium.errors import Unprocessable, UnsupportedMedia

HEAD_BYTES = 1024
"""How much of the media is needed to tell what it is."""

_ISO_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_STILL_BRANDS = (b"heic", b"heix", b"mif1", b"msf1", b"avif")
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"[playlist]", b"<?xml", b"<MPD", b"<smil")
_CODECS = frozenset(
    "h264 hevc av1 libdav1d vp8 vp9 mpeg1video mpeg2video mpeg4 msmpeg4v2 msmpeg4 h263 mjpeg "
    "prores dnxhd ffv1 huffyuv ffvhuff utvideo dvvideo rawvideo wmv1 wmv2 wmv3 vc1".split()
)


def container_format(head: bytes, *, field: str = "media") -> str:
    """The FFmpeg name of the container that starts with ``head``.

    Args:
        head: At least the first ``HEAD_BYTES``, if there are as many.
        field: What errors call the media.

    Raises:
        UnsupportedMedia: it is not one that Podium reads.
    """
    if head[4:8] in _ISO_BOXES:
        if head[8:12] in _STILL_BRANDS:
            raise UnsupportedMedia("is a HEIF or AVIF picture; send a JPEG", field=field)
        return "mp4"
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "matroska"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    if _is_transport_stream(head):
        return "mpegts"
    if head.lstrip(b"\xef\xbb\xbf\r\n\t ").startswith(_PLAYLISTS):
        raise UnsupportedMedia("is a playlist; send the media itself", field=field)
    raise UnsupportedMedia(
        "is not media that Podium reads; it reads MP4, MOV, MKV, WebM, AVI and MPEG-TS video and "
        "JPEG, PNG and WebP pictures",
        field=field,
    )


def _is_transport_stream(head: bytes) -> bool:
    """Sync bytes at the packet distance of MPEG-TS (188) or M2TS (192, after a time code)."""
    return any(
        len(head) > first + distance and not head[first::distance].strip(b"G")
        for first, distance in ((0, 188), (4, 192))
    )


@dataclass(frozen=True, slots=True)
class Source:
    """Media in memory or in a local file, and its first ``HEAD_BYTES``."""

    data: bytes | Path
    head: bytes
    field: str = "media"  # what errors call it

    @contextmanager
    def open_video(self, max_pixels: int) -> Iterator[tuple[InputContainer, VideoStream]]:
        """Open the container and find its video stream; it is closed at the end.

        Args:
            max_pixels: Larger frames are not even decoded to probe them.

        Raises:
            UnsupportedMedia: a container or codec that is not read.
            Unprocessable: damaged, cut off, or without video.
        """
        name = container_format(self.head, field=self.field)
        try:
            container = av.open(
                io.BytesIO(self.data) if isinstance(self.data, bytes) else str(self.data),
                format=name,
                options={
                    "protocol_whitelist": "file",
                    "format_whitelist": "mov,mp4,matroska,webm,avi,mpegts",
                    "max_pixels": str(max_pixels),
                },
            )
        except (av.FFmpegError, ValueError) as error:
            raise Unprocessable(
                f"looks like {name}, but is damaged or cut off: its header cannot be read",
                field=self.field,
            ) from error
        assert isinstance(container, InputContainer)  # noqa: S101 - it was opened for reading
        with container:
            stream = _video_stream(container, self.field)
            stream.codec_context.thread_count = 1
            yield container, stream


def _video_stream(container: InputContainer, field: str) -> VideoStream:
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]
    if not streams:
        kinds = sorted({stream.type for stream in container.streams})
        held = f"only {' and '.join(kinds)}" if kinds else "nothing"
        raise Unprocessable(f"has no video in it, {held}", field=field)
    stream = streams[0]
    codec = stream.codec_context
    if codec is None:  # PyAV has none where FFmpeg knows no decoder
        raise UnsupportedMedia(
            "is encoded with a codec that Podium does not know; H.264 always works", field=field
        )
    if codec.name not in _CODECS:
        raise UnsupportedMedia(
            f"is encoded with {codec.name}, which Podium does not decode; H.264 always works",
            field=field,
        )
    return stream
