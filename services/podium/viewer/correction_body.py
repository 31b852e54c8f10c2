"""Reads the corrections that a page of the viewer sends."""

from __future__ import annotations

from starlette.requests import Request

from podium.errors import InvalidInput, TooLarge
from podium.schemas.corrections import MAX_CORRECTION_BYTES, CorrectionFile, read_corrections


async def corrections_in(request: Request) -> CorrectionFile:
    """The corrections in the body of a request.

    Raises:
        InvalidInput, TooLarge: it holds none.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_CORRECTION_BYTES:
            raise TooLarge(f"more than {MAX_CORRECTION_BYTES} bytes of corrections")
    try:
        return read_corrections(bytes(body))
    except ValueError as error:
        raise InvalidInput(str(error), field="corrections") from None
