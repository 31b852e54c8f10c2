"""Forms as clients send them, and as they should not."""

from __future__ import annotations

from contextlib import suppress

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.api.streaming.form import StreamedForm
from podium.errors import InvalidInput, TooLarge
from podium.gateway.forms import MAX_PARTS, read_form

TYPE = 'multipart/form-data; boundary="XX"'
MEDIA = b"\x00\x01--X\r\n--\r\nXX\xff"


def form(*parts: bytes, preamble: bytes = b"", epilogue: bytes = b"") -> bytes:
    return (
        preamble + b"".join(b"--XX\r\n%s\r\n" % part for part in parts) + b"--XX--\r\n" + epilogue
    )


def part(name: bytes, value: bytes, more: bytes = b"") -> bytes:
    return b'Content-Disposition: form-data; name="%s"%s\r\n\r\n%s' % (name, more, value)


@pytest.mark.parametrize(
    "more",
    [
        b"",
        b'; filename="a.mp4"',
        b"; filename*=UTF-8''l%C3%A4ufer.mp4",
        b'; filename="l\xe4ufer, \\"1\\".mp4"\r\nContent-Type: video/mp4',
    ],
)
@pytest.mark.parametrize("preamble", [b"", b"\r\n", b"This is a form.\r\nIgnore this.\r\n"])
def test_the_media_is_the_part_of_that_name(more, preamble):
    body = form(part(b"media", MEDIA, more), part(b"stride", b"4"), preamble=preamble)
    assert read_form(body, TYPE) == (MEDIA, {"stride": "4"})
    assert read_form(body + b"epilogue", TYPE) == (MEDIA, {"stride": "4"})


async def test_what_a_public_client_writes():
    written = aiohttp.FormData(quote_fields=False)
    written.add_field("media", MEDIA, filename="läufer.mp4", content_type="video/mp4")
    written.add_field("count", "3")
    payload = written()

    class Collected:
        data = b""

        async def write(self, data: bytes) -> None:
            self.data += data

    collected = Collected()
    await payload.write(collected)
    assert read_form(collected.data, payload.content_type) == (MEDIA, {"count": "3"})


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (form(part(b"media", b"1")), "multipart/form-data", "content-type: .* no boundary"),
        (b"", TYPE, "body: has no part"),
        (b"junk", TYPE, "body: has no part"),
        (form(part(b"media", b"1"))[:-8], TYPE, "body: ends before"),
        (form(b"X: y\r\n\r\n1"), TYPE, "body: a part of the form has no name"),
        (form(part(b"a", b"1"), part(b"a", b"2")), TYPE, "a: is given twice"),
        (form(b"no headers"), TYPE, "body: is not multipart/form-data"),
        (form(part(b"media", b"1")), "multipart/form-data; boundary=" + "x" * 300, "body: is not"),
    ],
)
def test_other_forms_are_refused(body, kind, message):
    with pytest.raises(InvalidInput, match=message):
        read_form(body, kind)


def test_forms_are_limited():
    with pytest.raises(TooLarge, match="more than 33 parts"):
        read_form(form(*(part(b"%d" % i, b"") for i in range(MAX_PARTS + 1))), TYPE)
    with pytest.raises(TooLarge, match="stride: is over"):
        read_form(form(part(b"stride", b"1" * 100_000)), TYPE)
    with pytest.raises(InvalidInput):
        read_form(form(b"".join(b"X-%d: y\r\n" % i for i in range(5000)) + b"\r\n1"), TYPE)


def test_a_boundary_that_is_in_the_data_is_refused_before_it_is_parsed():
    data = b"\r\n--XXa" * 40
    with pytest.raises(TooLarge, match="more than 33 parts"):
        read_form(form(part(b"media", data)), TYPE)


async def test_a_boundary_that_is_in_a_streamed_file_is_refused_before_it_is_parsed():
    async def body():
        yield form(part(b"file", b""))[: -len(b"\r\n--XX--\r\n")]

    streamed = StreamedForm(TYPE)
    await streamed.read_fields(body())
    with pytest.raises(TooLarge, match="more than 32 fields"):
        list(streamed.content(iter([b"\r\n--XXa" * 40])))


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_read_or_refused(data, inside):
    body = form(data) if inside else data
    with suppress(InvalidInput):
        read_form(body, TYPE)
