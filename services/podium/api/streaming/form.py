"""Reads a form with one file at its end (RFC 7578) as it arrives.

As in forms for S3, the fields come first and the file last. python-multipart parses it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from podium.errors import InvalidInput, TooLarge

FILE = "file"
MAX_FIELDS_BYTES = 64 << 10
_MAX_FIELDS = 32


class StreamedForm:
    """The fields of a form, and then its file.

    Args:
        content_type: The header, which has the boundary.

    Attributes:
        fields: The fields before the file, once they are read.

    Raises:
        InvalidInput: it is not the type of a form.
    """

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            raise InvalidInput("must be multipart/form-data with a boundary", field="content-type")
        self.fields: dict[str, str] = {}
        self._header: list[bytes] = [b"", b""]
        self._name = ""
        self._value: list[bytes] = []
        self._file: list[bytes] = []
        self._delimiter = b"\r\n--" + boundary
        self._delimiters = 0
        self._beside_bytes = 0
        self._is_complete = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_end": self._finish,
            },
        )

    async def read_fields(self, body: AsyncIterator[bytes]) -> None:
        """Read the body as far as the beginning of the file.

        Raises:
            InvalidInput: it is not such a form, or has no file.
            TooLarge: the fields before the file are too long.
        """
        async for piece in body:
            self._parse(piece)
            if self._name == FILE:
                return
        raise InvalidInput("is missing: the file at the end of the form", field=FILE)

    def content(self, rest: Iterator[bytes]) -> Iterator[bytes]:
        """The bytes of the file in pieces, of which ``rest`` of the body has most."""
        yield from self._taken()
        for piece in rest:
            self._parse(piece)
            yield from self._taken()
        if not self._is_complete:
            raise InvalidInput("ends before the last part of the form does", field="body")

    def _taken(self) -> list[bytes]:
        pieces, self._file = self._file, []
        return pieces

    def _parse(self, piece: bytes) -> None:
        # What begins like the end of a part costs the parser a microsecond.
        self._delimiters += piece.count(self._delimiter)
        if self._delimiters > _MAX_FIELDS + 2:
            raise TooLarge(f"has more than {_MAX_FIELDS} fields", field="body")
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise InvalidInput(f"is no form ({error})"[:200], field="body") from None

    def _begin(self) -> None:
        if self._name == FILE:
            raise InvalidInput("must be the last part of the form", field=FILE)
        if len(self.fields) == _MAX_FIELDS:
            raise TooLarge(f"has more than {_MAX_FIELDS} fields", field="body")
        self._name, self._value = "", []

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._header[0] += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._header[1] += data[start:end]

    def _header_end(self) -> None:
        name, value = self._header
        self._header = [b"", b""]
        if name.lower() == b"content-disposition":
            kind, options = parse_options_header(value)
            if kind == b"form-data":
                self._name = options.get(b"name", b"").decode("utf-8", "replace")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._name == FILE:
            self._file.append(data[start:end])
        else:
            self._count(end - start)
            self._value.append(data[start:end])

    def _end(self) -> None:
        if self._name == FILE:
            return
        if not self._name:
            raise InvalidInput("a part of the form has no name", field="body")
        self.fields[self._name] = b"".join(self._value).decode("utf-8", "replace")

    def _finish(self) -> None:
        self._is_complete = True

    def _count(self, size: int) -> None:
        self._beside_bytes += size
        if self._beside_bytes > MAX_FIELDS_BYTES:
            raise TooLarge(f"has over {MAX_FIELDS_BYTES} bytes beside the file", field="body")
