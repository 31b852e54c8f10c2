"""Reads the JSON of results, which strangers send, frame by frame.

Objects of all persons would take sixteen times the memory of their text, and making them at once
would keep all other threads waiting. So the text is cut into frames first, whose persons stay text
until their turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Raw
from pydantic import FailFast, TypeAdapter, ValidationError

from podium.biomechanics.signals.checkpoints import checkpoint
from podium.errors import InvalidInput, TooLarge
from podium.postprocess.batches import Batch, batch_of
from podium.schemas.results import FrameResult, FrameStatus, PersonResult, PipelineResult
from podium.wire.json_values import check_keys, read_json

MAX_RESULTS = 250_000
_MAX_PART_BYTES = 1 << 20
"""Limit of the persons of a frame, and of each fact: 100 persons in 3D have 400 kB."""
_MAX_UNCHECKED_BYTES = 1 << 16
"""In less text there is little that could be wrong; each unknown key becomes an error."""

_PERSONS = TypeAdapter(Annotated[list[PersonResult], FailFast()])
_PLACE = re.compile(r"^(.*?)(?: - at `\$(.*)`)?$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(\w+)`")


class _Frame(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """``FrameResult`` whose persons are text."""

    index: Annotated[int, msgspec.Meta(ge=0)]
    time_s: float
    status: FrameStatus
    error: str | None = None
    persons: Raw = Raw(b"[]")
    background: tuple[float, float, float, float] | None = None


class _Result(msgspec.Struct):
    """``PipelineResult`` whose facts and persons are text."""

    pipeline: str
    skeleton: str
    models: Raw
    source: Raw
    frames: list[_Frame]
    timing_ms: Raw = Raw(b"{}")
    degraded: Raw = Raw(b"[]")


_ONE, _LIST = msgspec.json.Decoder(_Result), msgspec.json.Decoder(list[_Result])


def parse_results(data: bytes) -> list[Batch]:
    """Read a JSON list of results, a single one, or one per line.

    Raises:
        InvalidInput: it is malformed; the message names the element.
        TooLarge: too many results, or a part is too large.
    """
    text = data.strip()
    try:
        results = _LIST.decode(text) if text.startswith(b"[") else _one_or_lines(text)
    except msgspec.ValidationError as error:
        raise _placed(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"is not valid JSON ({error})", field="results") from None
    if len(results) > MAX_RESULTS:
        raise TooLarge(f"has more than {MAX_RESULTS} results", field="results")
    results.reverse()  # each goes once its arrays are there
    return [_batch(results.pop(), number) for number in range(len(results))]


def _one_or_lines(text: bytes) -> list[_Result]:
    try:
        return [_ONE.decode(text)]
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:  # something follows the first
        if b"\n" not in text:
            raise
        if text.count(b"\n") > MAX_RESULTS:
            raise TooLarge(f"has more than {MAX_RESULTS} lines", field="results") from None
        return _ONE.decode_lines(text)


def _placed(message: str) -> InvalidInput:
    """The error of the decoder, with the place as other errors have it: ``results.0.frames.3``."""
    words, place = _PLACE.fullmatch(message).groups(default="")  # type: ignore[union-attr] # fits all
    if missing := _MISSING.match(words):
        words, place = "is missing", f"{place}.{missing[1]}"
    return InvalidInput(words, field="results" + re.sub(r"\[(\d+|\.\.\.)\]", r".\1", place))


def _batch(result: _Result, number: int) -> Batch:
    where = f"results.{number}"
    return batch_of(_facts(result, where), _frames(result, where))


def _facts(result: _Result, where: str) -> PipelineResult:
    facts: dict[str, Any] = {
        name: getattr(result, name) for name in _Result.__struct_fields__ if name != "frames"
    }
    for name, value in facts.items():
        if isinstance(value, Raw):
            _check_part(bytes(value), f"{where}.{name}")
    try:
        return PipelineResult.model_validate_json(msgspec.json.encode({**facts, "frames": []}))
    except ValidationError as error:
        raise _named(error, where) from None


def _frames(result: _Result, where: str) -> Iterator[FrameResult]:
    for number, frame in enumerate(result.frames):
        checkpoint()
        place = f"{where}.frames.{number}"
        text = bytes(frame.persons)
        _check_part(text, f"{place}.persons")
        try:
            persons = _PERSONS.validate_json(text)
        except ValidationError as error:
            raise _named(error, f"{place}.persons") from None
        yield FrameResult.model_construct(
            index=frame.index,
            time_s=frame.time_s,
            status=frame.status,
            error=frame.error,
            persons=persons,
            background=frame.background,
        )


def _check_part(text: bytes, where: str) -> None:
    if len(text) > _MAX_PART_BYTES:
        raise TooLarge(f"is over {_MAX_PART_BYTES} bytes", field=where)
    if len(text) > _MAX_UNCHECKED_BYTES:
        _check_objects(read_json(text, field=where), where)


def _check_objects(value: object, where: str, depth: int = 5) -> None:
    """Refuse objects with many keys, as each unknown key would become an error."""
    if depth == 0:
        return
    check_keys(value, field=where)
    inner = list(value.values()) if isinstance(value, dict) else value
    for each in inner if isinstance(inner, list) else ():
        if isinstance(each, dict | list):
            _check_objects(each, where, depth - 1)


def _named(error: ValidationError, where: str) -> InvalidInput:
    first = error.errors(include_url=False, include_input=False)[0]
    return InvalidInput(
        first["msg"], field=".".join([where, *(str(part) for part in first["loc"])])
    )
