"""Opens video containers of known formats, which are identified by their first bytes.

FFmpeg must not guess the format: it would also follow playlists, which name other files.
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
"""Folder in which Linux names the open files of a process."""

HEAD_BYTES = 1024
"""Number of bytes that are needed to identify media."""

_ISO_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_STILL_BRANDS = (b"heic", b"heix", b"mif1", b"msf1", b"avif")
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"[playlist]", b"<?xml", b"<MPD", b"<smil")
_SYNC = b"G"
_PACKET_BYTES = (188, 192, 204)
"""Packet sizes of MPEG-TS, of M2TS with time codes, and with error correction."""

_FEWEST_SYNCS = 3


def container_format(head: bytes, *, field: str = "media") -> str:
    """The FFmpeg name of the container that starts with ``head``.

    Args:
        head: At least the first ``HEAD_BYTES``, or all bytes of a smaller file.
        field: Name of the media in errors.

    Raises:
        UnsupportedMedia: Podium does not read this format.
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
    """Whether sync bytes follow at the distance of packets; the first packet may be cut."""
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
    field: str = "media"  # name in errors

    def held(self, files: ExitStack) -> Source:
        """The same media, which can be opened again while ``files`` is open.

        It stays readable even if the file is removed or replaced.

        Raises:
            Unprocessable: the file no longer exists.
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
        """Open the container and choose its video stream; the end of the block closes it.

        Args:
            max_pixels: Larger frames are not decoded, not even to probe them.

        Raises:
            UnsupportedMedia: the container or codec is not supported.
            Unprocessable: damaged, truncated, or without video, or more samples than bytes.
            TooLarge: it declares too many samples.
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
