"""Chooses the video stream of a container."""

from __future__ import annotations

from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from podium.errors import Unprocessable, UnsupportedMedia

_CODECS = frozenset(
    "h264 hevc av1 libdav1d vp8 vp9 mpeg1video mpeg2video mpeg4 msmpeg4v2 msmpeg4 h263 mjpeg "
    "prores dnxhd ffv1 huffyuv ffvhuff utvideo dvvideo rawvideo wmv1 wmv2 wmv3 vc1".split()
)


def video_streams(container: InputContainer) -> list[VideoStream]:
    """The video streams, best first: those marked as default, then those with larger frames.

    Attached covers and previews are left out.
    """
    moving = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]
    return sorted(moving, key=_preference, reverse=True)  # stable: the first of equals


def choose_stream(container: InputContainer, *, field: str) -> VideoStream:
    """The video stream to read.

    Args:
        container: The container, just opened.
        field: Name of the media in errors.

    Raises:
        Unprocessable: there is no video stream.
        UnsupportedMedia: its codec is not supported.
    """
    streams = video_streams(container)
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


def _preference(stream: VideoStream) -> tuple[bool, int]:
    codec = stream.codec_context
    is_default = bool(stream.disposition & Disposition.default)
    return is_default, 0 if codec is None else codec.width * codec.height
