"""Opens video containers: a known format, told by its first bytes, and nothing else.

FFmpeg is never left to guess: its guess would follow playlists, which name other files.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from podium.errors import Unprocessable, UnsupportedMedia
from podium.media.claims import check_samples
from podium.media.files import Data, opened
from podium.media.video_streams import choose_stream

_DESCRIPTORS = Path("/proc/self/fd")
"""Where Linux names the files that a process has open."""

HEAD_BYTES = 1024
"""How much of the media is needed to tell what it is."""

_ISO_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_STILL_BRANDS = (b"heic", b"heix", b"mif1", b"msf1", b"avif")
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"[playlist]", b"<?xml", b"<MPD", b"<smil")
_SYNC = b"G"
_PACKET_BYTES = (188, 192, 204)
"""Of MPEG-TS, of M2TS with its time codes, and with error correction."""

_FEWEST_SYNCS = 3


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
        "JPEG, PNG, WebP and GIF pictures",
        field=field,
    )


def _is_transport_stream(head: bytes) -> bool:
    """Sync bytes at the distance of packets; the first packet may have lost its beginning."""
    return any(
        len(syncs := head[first::distance]) >= _FEWEST_SYNCS and not syncs.strip(_SYNC)
        for distance in _PACKET_BYTES
        for first in range(distance)
    )


@dataclass(frozen=True, slots=True)
class Source:
    """Media, and its first ``HEAD_BYTES``."""

    data: Data
    head: bytes
    field: str = "media"  # what errors call it

    def held(self, files: ExitStack) -> Source:
        """The same media, to be opened again as long as ``files`` are open.

        Whoever named a file may remove or replace it meanwhile.

        Raises:
            Unprocessable: the file is gone already.
        """
        if not isinstance(self.data, Path) or not _DESCRIPTORS.exists():
            return self
        try:
            file = files.enter_context(self.data.open("rb"))
        except OSError as error:
            raise Unprocessable(f"cannot be opened ({error.strerror})", field=self.field) from None
        return replace(self, data=_DESCRIPTORS / str(file.fileno()))

    @contextmanager
    def open_video(self, max_pixels: int) -> Iterator[tuple[InputContainer, VideoStream]]:
        """Open the container and find its video stream; it is closed at the end.

        Args:
            max_pixels: Larger frames are not even decoded to probe them.

        Raises:
            UnsupportedMedia: a container or codec that is not read.
            Unprocessable: damaged, cut off, or without video; it claims what it cannot hold.
            TooLarge: it claims more samples than are read.
        """
        name = container_format(self.head, field=self.field)
        try:
            if name == "mp4":
                check_samples(self.data, field=self.field)
            container = av.open(
                str(self.data) if isinstance(self.data, Path) else opened(self.data),
                format=name,
                options={
                    "protocol_whitelist": "file",
                    "format_whitelist": "mov,mp4,matroska,webm,avi,mpegts",
                    "max_pixels": str(max_pixels),
                },
            )
        except (av.FFmpegError, ValueError, OSError) as error:
            raise Unprocessable(
                f"looks like {name}, but is damaged or cut off: its header cannot be read",
                field=self.field,
            ) from error
        assert isinstance(container, InputContainer)  # noqa: S101 - it was opened for reading
        with container:
            stream = choose_stream(container, field=self.field)
            stream.codec_context.thread_count = 1
            yield container, stream
