"""Request bodies, decompressed where the client compressed them."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Concatenate, ParamSpec, TypeVar

from starlette.requests import ClientDisconnect, Request

from podium.errors import InvalidInput, TooLarge, UnsupportedMedia
from podium.serving.observing.request_context import current_request
from podium.wire.json_values import LARGE_BYTES, MAX_PARSED_BYTES, parsed_bytes

P = ParamSpec("P")
T = TypeVar("T")

_PIECE_BYTES = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_MAX_MEMBERS = 10_000
"""Parallel compressors make a member of every 64 kB or more; each costs 20 CPU-us."""

NOTHING_STREAMED: Mapping[str, int] = MappingProxyType({})


def streamed_limit(streamed: Mapping[str, int], path: str) -> int | None:
    """The largest body in bytes at a streamed path; None: the path is not streamed.

    Args:
        streamed: Prefix of streamed paths -> largest body.
        path: Path of the request.
    """
    return next((limit for start, limit in streamed.items() if path.startswith(start)), None)


def declared_bytes(content_length: bytes | str) -> int:
    """The value of a ``Content-Length`` header; 0 if it is empty or not a valid number."""
    return int(content_length) if content_length.isdigit() and len(content_length) < 19 else 0


async def read_body(request: Request) -> bytes:
    """The whole body, decompressed as its ``Content-Encoding`` says.

    A small body may become a large one: it is decompressed in threads, and each piece is charged
    to the request.

    Raises:
        TooLarge: the decompressed body is over the limit of the service.
        UnsupportedMedia: the encoding is not supported.
        InvalidInput: the body does not have that encoding.
        Overloaded: the bodies of all requests together are over the limit.
    """
    body = await _received(request)
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding == "identity":
        return body
    if encoding not in {"gzip", "deflate"}:
        raise UnsupportedMedia(f"{encoding!r} is not read; use gzip", field="content-encoding")
    inflating = _inflate(body)
    max_bytes = current_request().max_body_bytes
    pieces: list[bytes] = []
    size = 0
    while (piece := await asyncio.to_thread(next, inflating, None)) is not None:
        size += len(piece)
        if size > max_bytes:
            raise TooLarge(f"decompresses to more than {max_bytes} bytes", field="body")
        current_request().charge_body(len(piece))
        pieces.append(piece)
    return await asyncio.to_thread(b"".join, pieces)


async def _received(request: Request) -> bytes:
    """As ``Request.body``, whose generator costs as much as all else for a body in one part."""
    parts: list[bytes] = []
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def parse_charged(
    parse: Callable[Concatenate[bytes, P], T],
    body: bytes,
    json_bytes: int,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Parse a body whose first ``json_bytes`` are JSON; large JSON is parsed in a thread.

    Raises:
        Overloaded: its parsed size and the bodies of all requests together are over the limit.
        PodiumError: what ``parse`` raises.
    """
    if json_bytes <= LARGE_BYTES:
        return parse(body, *args, **kwargs)
    taken = await asyncio.to_thread(parsed_bytes, memoryview(body)[:json_bytes])
    if taken <= MAX_PARSED_BYTES:  # else parsing refuses it
        current_request().charge_body(taken)
    return await asyncio.to_thread(parse, body, *args, **kwargs)


def _inflate(body: bytes) -> Iterator[bytes]:
    """Decompress a gzip or zlib body piece by piece; gzip may have several members."""
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
