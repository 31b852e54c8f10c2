"""Request bodies, decompressed where the client compressed them."""

from __future__ import annotations

import zlib

from starlette.requests import Request

from podium.errors import InvalidInput, TooLarge, UnsupportedMedia


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The whole body. Raises what ``decompress`` raises."""
    body = await request.body()
    return decompress(body, request.headers.get("content-encoding", "identity"), max_bytes)


def decompress(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """A body as its ``Content-Encoding`` says that it is.

    Raises:
        TooLarge: over ``max_bytes`` once decompressed.
        UnsupportedMedia: an encoding that is not read.
        InvalidInput: not of that encoding.
    """
    encoding = encoding.lower()
    if encoding == "identity":
        return body
    if encoding not in {"gzip", "deflate"}:
        raise UnsupportedMedia(f"{encoding!r} is not read; use gzip", field="content-encoding")
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: gzip or zlib, by its header
    try:
        body = inflate.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise InvalidInput(f"does not decompress ({error})", field="body") from None
    if len(body) > max_bytes:
        raise TooLarge(f"decompresses to more than {max_bytes} bytes", field="body")
    if not inflate.eof:
        raise InvalidInput("ends in the middle of the compressed data", field="body")
    if inflate.unused_data:
        raise InvalidInput("goes on after the end of the compressed data", field="body")
    return body
