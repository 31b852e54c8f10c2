"""Request bodies, decompressed where the client compressed them."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator

from starlette.requests import Request

from podium.errors import InvalidInput, TooLarge, UnsupportedMedia
from podium.serving.observing.request_context import current_request

_PIECE_BYTES = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_MAX_MEMBERS = 10_000
"""Compressors that work in parallel make one of every 64 kB or more; each costs 20 CPU-us."""


def declared_bytes(content_length: bytes | str) -> int:
    """The value of a ``Content-Length`` header; 0 where there is none, or it is no such number."""
    return int(content_length) if content_length.isdigit() and len(content_length) < 19 else 0


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The whole body, decompressed as its ``Content-Encoding`` says.

    What decompressing adds is charged to the request piece by piece, and the work is done in
    threads: a small body may become a large one.

    Raises:
        TooLarge: over ``max_bytes`` once decompressed.
        UnsupportedMedia: an encoding that is not read.
        InvalidInput: not of that encoding.
        Overloaded: the bodies of all requests together are over the limit.
    """
    body = await request.body()
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding == "identity":
        return body
    if encoding not in {"gzip", "deflate"}:
        raise UnsupportedMedia(f"{encoding!r} is not read; use gzip", field="content-encoding")
    inflating = _inflate(body)
    pieces: list[bytes] = []
    size = 0
    while (piece := await asyncio.to_thread(next, inflating, None)) is not None:
        size += len(piece)
        if size > max_bytes:
            raise TooLarge(f"decompresses to more than {max_bytes} bytes", field="body")
        current_request().charge_body(len(piece))
        pieces.append(piece)
    return await asyncio.to_thread(b"".join, pieces)


def _inflate(body: bytes) -> Iterator[bytes]:
    """The pieces that a gzip or zlib body decompresses to; gzip may have several members."""
    rest = memoryview(body)
    for _ in range(_MAX_MEMBERS):
        inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: gzip or zlib, by its header
        try:
            more = True
            while more and not inflate.eof:
                given = rest[:_PIECE_BYTES]
                piece = inflate.decompress(given, _PIECE_BYTES)
                left = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
                rest = rest[len(given) - len(left) :]
                more = bool(rest) or len(piece) == _PIECE_BYTES
                yield piece
        except zlib.error as error:
            raise InvalidInput(f"does not decompress ({error})", field="body") from None
        if not inflate.eof:
            raise InvalidInput("ends in the middle of the compressed data", field="body")
        if not rest:
            return
        if rest[:2] != _GZIP_MAGIC:
            raise InvalidInput("goes on after the end of the compressed data", field="body")
    raise InvalidInput(f"has more than {_MAX_MEMBERS} gzip members", field="body")
