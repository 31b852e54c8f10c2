"""Request bodies, decompressed where the client compressed them."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator

from starlette.requests import Request

from podium.errors import InvalidInput, TooLarge, UnsupportedMedia
from podium.serving.observing.request_context import current_request

_PIECE_BYTES = 1 << 20


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
    """The pieces that a gzip or zlib body decompresses to."""
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: gzip or zlib, by its header
    try:
        for start in range(0, len(body), _PIECE_BYTES):
            rest = body[start : start + _PIECE_BYTES]
            more = True
            while more:
                piece = inflate.decompress(rest, _PIECE_BYTES)
                yield piece
                rest = inflate.unconsumed_tail
                more = len(piece) == _PIECE_BYTES
    except zlib.error as error:
        raise InvalidInput(f"does not decompress ({error})", field="body") from None
    if not inflate.eof:
        raise InvalidInput("ends in the middle of the compressed data", field="body")
    if inflate.unused_data:
        raise InvalidInput("goes on after the end of the compressed data", field="body")
