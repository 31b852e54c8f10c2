"""Checks parameters of requests against a pydantic model; the error names the parameter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from podium.errors import InvalidInput
from podium.wire.json_values import check_keys
from podium.wire.messages import without_reserved
from podium.wrong_values import in_plain_words

M = TypeVar("M", bound=BaseModel)

_SHOWN_CHARACTERS = 80


def read_parameters(kind: type[M], values: Mapping[str, Any], *, reserved: bool = True) -> M:
    """Validate the parameters of a request.

    Args:
        kind: The model; it forbids unknown fields.
        values: The parameters.
        reserved: Whether they may hold the protocol's own parameters, which are then ignored.

    Raises:
        InvalidInput: a value is wrong or unknown.
    """
    check_keys(values, field="parameters")
    try:
        return kind.model_validate(without_reserved(values) if reserved else values)
    except ValidationError as error:
        field, message = explain(error)
        if error.errors()[0]["type"] == "extra_forbidden":
            message = f"is unknown; known are {', '.join(kind.model_fields)}"
        raise InvalidInput(message, field=field) from None


def explain(error: ValidationError) -> tuple[str, str]:
    """The field of the first error, and what is wrong with it."""
    first = error.errors()[0]
    # Pydantic's location also has the branches of a union, which mean nothing to users.
    parts = [str(part) for part in first["loc"]]
    field = ".".join(p for p in parts if "[" not in p and not p[:1].isupper()) or "value"
    given = first["input"]
    shown = ""
    if isinstance(given, float) and not math.isfinite(given):
        shown = f", not {given}"
    elif isinstance(given, str | int | float):
        shown = f", not {given!r}"
    return field, f"{in_plain_words(first['msg'])[:200]}{shown[:_SHOWN_CHARACTERS]}"
