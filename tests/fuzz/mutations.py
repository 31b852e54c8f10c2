"""Valid bytes with a few mistakes, as broken programs and attackers make them."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

_TOKENS = [
    b"",
    b"\0",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"{",
    b"}",
    b"[",
    b"]" * 100,
    b"[" * 2000,
    b'"',
    b"null",
    b"-1",
    b"1e999",
    b"9" * 30,
    b"NaN",
    b"\xff\xfe",
    b"chunked",
    b"transfer-encoding: chunked\r\n",
    b"content-length: 3\r\n",
    b"connection: upgrade\r\nupgrade: h2c\r\n",
]


@st.composite
def mutated(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """One of ``seeds`` with up to six pieces cut out, doubled, moved or overwritten."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, len(data)))
        stop = min(len(data), start + draw(st.integers(0, 40)))
        piece = draw(st.sampled_from(_TOKENS) | st.binary(max_size=8) | st.just(data[start:stop]))
        at = draw(st.sampled_from([start, stop, 0, len(data)]))
        keep = draw(st.booleans())
        rest = data if keep else data[:start] + data[stop:]
        data = rest[:at] + piece + rest[at:]
    return data
