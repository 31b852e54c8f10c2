"""Base classes and field types of the schemas."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)


def _utc(value: datetime) -> datetime:
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be in the years 1 to 9999 of UTC") from None


def _printable(value: str) -> str:
    if any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in value):
        raise ValueError("must not hold control characters")
    return value


MAX_ID = 2**53 - 1
Id = Annotated[int, Field(ge=1, le=MAX_ID)]
"""Sequential; small enough for JavaScript numbers."""

Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_printable),
]
"""One line of text for people, not empty."""

Note = Annotated[str, StringConstraints(max_length=1000), AfterValidator(_printable)]
"""One line of text for people, may be empty."""

Address = Annotated[
    str, StringConstraints(min_length=1, max_length=2000), AfterValidator(_printable)
]
"""A URL, an ARN or the like."""

Time = Annotated[datetime, AfterValidator(_utc)]
"""A time in UTC."""


MAX_KEYS = 256
"""Of an object that a caller sends: each wrong key becomes an error, and takes a thousand bytes."""


def few_keys(value: Any) -> Any:
    """Check that an object has few keys, before any is looked at.

    Raises:
        ValueError: it has more than ``MAX_KEYS``.
    """
    if isinstance(value, dict) and len(value) > MAX_KEYS:
        raise ValueError(f"has more than {MAX_KEYS} keys")
    return value


class Closed(BaseModel):
    """A document that a caller sends; unknown fields are refused."""

    model_config = ConfigDict(
        extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True, frozen=True
    )

    @model_validator(mode="before")
    @classmethod
    def _few_keys(cls, value: Any) -> Any:
        return few_keys(value)


class Answered(BaseModel):
    """A document that Podium answers with."""

    model_config = ConfigDict(use_attribute_docstrings=True, from_attributes=True, frozen=True)


class Stored(Answered):
    """An object with an id."""

    id: Id
    version: int = Field(ge=1)
    """Grows by one with every update; the ``ETag``."""
    created_at: Time
    updated_at: Time


Item = TypeVar("Item")


class Page(Answered, Generic[Item]):
    """A page of a list."""

    items: list[Item]
    next_cursor: str | None
    """``cursor`` for the next page; null: this is the last page."""
