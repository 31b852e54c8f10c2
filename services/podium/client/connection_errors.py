"""Why a connection could not be made, in the words of the operating system."""

from __future__ import annotations

import os

import aiohttp


def in_words(error: Exception) -> str:
    """What the operating system says, such as "Connection refused"; else the error's own text."""
    if not isinstance(error, aiohttp.ClientConnectorError):
        return str(error)
    number = error.os_error.errno or 0  # those of names that are not found are negative
    return os.strerror(number) if number > 0 else str(error.os_error.strerror)
