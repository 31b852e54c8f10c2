"""Forms with a file: ``multipart/form-data`` (RFC 7578) as browsers and programs send it.

The parser is python-multipart's. The part named ``media`` is the media; its file name, in either
spelling (``filename``, ``filename*``), is not needed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from podium.errors import InvalidInput, TooLarge

MAX_PARTS = 33
MAX_FIELD_BYTES = 64 << 10
"""Largest field other than the media."""


@dataclass(slots=True)
class _Form:
    """The parts read so far."""

    parts: dict[str, bytes] = field(default_factory=dict)
    complete: bool = False
    _header: list[bytes] = field(default_factory=lambda: [b"", b""])
    _disposition: bytes = b""
    _data: list[bytes] = field(default_factory=list)

    def begin(self) -> None:
        self._disposition, self._data = b"", []
        if len(self.parts) == MAX_PARTS:
            raise TooLarge(f"has more than {MAX_PARTS} parts", field="body")

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0] += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1] += data[start:end]

    def header_end(self) -> None:
        name, value = self._header
        if name.lower() == b"content-disposition":
            self._disposition = value
        self._header = [b"", b""]

    def data(self, data: bytes, start: int, end: int) -> None:
        self._data.append(data[start:end])

    def end(self) -> None:
        kind, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if kind != b"form-data" or not name:
            raise InvalidInput("a part of the form has no name", field="body")
        if name in self.parts:
            raise InvalidInput("is given twice", field=name[:80])
        self.parts[name] = b"".join(self._data)
        if name != "media" and len(self.parts[name]) > MAX_FIELD_BYTES:
            raise TooLarge(f"is over {MAX_FIELD_BYTES} bytes", field=name[:80])

    def finish(self) -> None:
        self.complete = True


def read_form(body: bytes, content_type: str) -> tuple[bytes | None, dict[str, str]]:
    """The media of a form (None: it has none) and its other fields.

    Raises:
        InvalidInput: the body is not such a form.
        TooLarge: it has too many or too large fields.
    """
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise InvalidInput("multipart/form-data has no boundary", field="content-type")
    form = _Form()
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": form.begin,
                "on_header_field": form.header_field,
                "on_header_value": form.header_value,
                "on_header_end": form.header_end,
                "on_part_data": form.data,
                "on_part_end": form.end,
                "on_end": form.finish,
            },
        )
        parser.write(_without_preamble(body, boundary))
        parser.finalize()
    except FormParserError as error:
        raise InvalidInput(f"is not multipart/form-data ({error})"[:200], field="body") from None
    if not form.complete:
        raise InvalidInput("ends before the last part of the form does", field="body")
    media = form.parts.pop("media", None)
    return media, {name: value.decode("utf-8", "replace") for name, value in form.parts.items()}


def _without_preamble(body: bytes, boundary: bytes) -> bytes:
    """The body from its first part on; a preamble is to be ignored (RFC 2046, 5.1.1).

    What begins like the end of a part costs the parser a microsecond, and 64 MB may hold millions.
    """
    delimiter = b"--" + boundary
    if body.count(b"\r\n" + delimiter) > MAX_PARTS + 1:
        raise TooLarge(f"has more than {MAX_PARTS} parts", field="body")
    if body.startswith(delimiter):
        return body
    start = body.find(b"\r\n" + delimiter)
    if start < 0:
        raise InvalidInput("has no part that begins with the boundary", field="body")
    return body[start + 2 :]
