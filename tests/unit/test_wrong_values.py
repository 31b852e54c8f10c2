"""Messages about wrong values have no words that only users of pydantic know."""

from __future__ import annotations

import re
from typing import Literal

import pytest
from pydantic import BaseModel, Field, ValidationError, field_validator

from podium.wrong_values import in_plain_words


class Sample(BaseModel, extra="forbid"):
    whole: int = Field(default=1, ge=1, le=9)
    number: float = Field(default=1, gt=0, lt=5, allow_inf_nan=False)
    word: Literal["a", "b"] = "a"
    text: str = Field(default="x", pattern="^x+$", max_length=3)
    flag: bool = True
    pair: tuple[int, int] = (1, 2)
    several: list[int] = Field(default_factory=list, max_length=2)

    @field_validator("word")
    @classmethod
    def _not_b(cls, value: str) -> str:
        if value == "b":
            raise ValueError("must not be b on Sundays")
        return value


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"whole": 0}, "must be greater than or equal to 1"),
        ({"whole": "many"}, "must be a valid integer"),
        ({"whole": 1.5}, "must be a valid integer, got a number with a fractional part"),
        ({"number": 0}, "must be greater than 0"),
        ({"number": "nan"}, "must be a finite number"),
        ({"number": "x"}, "must be a valid number"),
        ({"word": "c"}, "must be 'a' or 'b'"),
        ({"word": "b"}, "must not be b on Sundays"),
        ({"text": "y"}, "must match pattern '^x+$'"),
        ({"text": "xxxx"}, "must have at most 3 characters"),
        ({"flag": "perhaps"}, "must be a valid boolean"),
        ({"pair": [1]}, "is missing"),
        ({"pair": "1"}, "must be a valid tuple"),
        ({"several": [1, 2, 3]}, "must have at most 2 items after validation, not 3"),
        ({"colour": "red"}, "is not known here"),
    ],
)
def test_a_message_is_plain(values, says):
    with pytest.raises(ValidationError) as caught:
        Sample(**values)
    message = in_plain_words(caught.value.errors()[0]["msg"])
    assert message == says
    assert not re.search(r"Value error|[Ii]nput|permitted|should|parse", message)
