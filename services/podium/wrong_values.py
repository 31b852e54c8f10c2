"""Rewrites pydantic's messages for users."""

from __future__ import annotations

import re

_REPLACED = (
    (re.compile(r"^Value error, "), ""),
    (re.compile(r"^Extra inputs are not permitted"), "is not known here"),
    (re.compile(r"^Field required"), "is missing"),
    (re.compile(r"^\w+ should "), "must "),
    (re.compile(r", unable to (parse|interpret) \w+( as an? \w+)?"), ""),
)


def in_plain_words(message: str) -> str:
    """A pydantic message in a form that follows the name of a field: ``must be at least ...``."""
    for pattern, plain in _REPLACED:
        message = pattern.sub(plain, message)
    return message
