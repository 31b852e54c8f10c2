"""The log lines of the services, for people."""

import json
import logging
import re

import pytest

from podium.local.log_lines import level_of, readable
from podium.serving.observing.logs import JsonFormatter


def line(message: str, level: int = logging.INFO, **fields: object) -> str:
    record = logging.LogRecord("podium", level, "", 0, message, None, None)
    record.fields = fields
    return JsonFormatter("decode").format(record)


def test_a_message_keeps_its_text_and_its_fields() -> None:
    assert re.fullmatch(r"\d\d:\d\d:\d\d ready model=a", readable(line("ready", model="a")))


def test_a_request_becomes_one_phrase() -> None:
    fields = {"method": "POST", "path": "/v2/models/x/infer", "status": 200, "duration_ms": 12.5}
    text = readable(line("request", **fields, bytes_in=1, bytes_out=2, model="x"))
    assert text.endswith(" POST /v2/models/x/infer 200 12.5 ms")


def test_a_traceback_follows_its_line() -> None:
    text = readable(json.dumps({"message": "broken", "traceback": "Traceback\n  here"}))
    assert text == "broken\nTraceback\n  here"


@pytest.mark.parametrize("text", ["", "plain text", "{", "[1]", '{"no": "message"}', "\x1b[31m"])
def test_other_output_stays_as_it_is(text: str) -> None:
    assert readable(text) == text
    assert level_of(text) == "info"


def test_the_level_is_that_of_the_record() -> None:
    assert level_of(line("broken", logging.ERROR)) == "error"
