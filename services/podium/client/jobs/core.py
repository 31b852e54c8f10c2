"""Operations of the api as function calls: checks the arguments, returns objects."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ValidationError

from podium.client.jobs.operations import OPERATIONS, Operation
from podium.client.jobs.transport import Answered, Transport
from podium.errors import InvalidInput, StageFailed, Unprocessable
from podium.wrong_values import in_plain_words

_PAGE = 1000


async def call(
    transport: Transport,
    name: str,
    /,
    *ids_and_body: Any,
    idempotency_key: str | None = None,
    version: int | None = None,
    limit: int | None = None,
    **given: Any,
) -> Any:
    """Call an operation by its name.

    Args:
        transport: Sends the requests.
        name: Name of the operation, such as ``create_pipeline``.
        ids_and_body: The ids of the path, then the body as a dictionary or as an object.
        idempotency_key: Calls with the same key have one effect; for operations that take one.
        version: Version of the object when it was read; the call fails if it has changed since.
        limit: Largest number of items of a list; None: all.
        given: Fields of the body or of the query.

    Returns:
        An object, a list of objects, or None.

    Raises:
        InvalidInput: the arguments do not fit the operation.
        ApiError, Unavailable: from the api.
    """
    operation = OPERATIONS[name]
    ids, rest = ids_and_body[: len(operation.ids)], ids_and_body[len(operation.ids) :]
    path = _path(operation, ids)
    headers = {}
    if idempotency_key is not None:
        headers["idempotency-key"] = idempotency_key
    if version is not None:
        headers["if-match"] = f'"{version}"'
    body = _body(operation, rest, given)
    query = [] if body is not None else _query(operation, given)
    if not operation.is_list:
        answer = await transport.send(
            operation.method,
            path,
            is_repeatable=operation.is_repeatable or "idempotency-key" in headers,
            params=query,
            json=body,
            headers=headers,
        )
        return read(operation.answer, answer) if operation.answer is not None else None
    items: list[Any] = []
    cursor: list[tuple[str, str]] = []
    while limit is None or len(items) < limit:
        size = _PAGE if limit is None else min(_PAGE, limit - len(items))
        page = [*query, *cursor, ("limit", str(size))]
        answer = await transport.send(operation.method, path, is_repeatable=True, params=page)
        found, following = read_page(operation.answer, answer)
        items += found
        if not following:
            break
        cursor = [("cursor", following)]
    return items


def read(kind: type[BaseModel], answer: Answered) -> Any:
    """The object in an answer. Raises StageFailed if the answer does not hold one."""
    try:
        return kind.model_validate_json(answer.body)
    except ValidationError:
        raise StageFailed("the api answers in a way that this version does not know") from None


def read_page(kind: type[BaseModel] | None, answer: Answered) -> tuple[list[Any], str | None]:
    """The items of a page and the cursor of the next page. Raises StageFailed."""
    page = read(_Page, answer)
    try:
        items = [item if kind is None else kind.model_validate(item) for item in page.items]
    except ValidationError:
        raise StageFailed("the api answers in a way that this version does not know") from None
    return items, page.next_cursor


class _Page(BaseModel):
    items: list[Any]
    next_cursor: str | None


def checked(kind: type[BaseModel], value: Any, operation: str = "") -> BaseModel:
    """The value as an object of this kind. Raises Unprocessable, naming the field."""
    try:
        return value if isinstance(value, kind) else kind.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or operation
        raise Unprocessable(in_plain_words(first["msg"]), field=field) from None


def _path(operation: Operation, ids: tuple[Any, ...]) -> str:
    if len(ids) != len(operation.ids):
        raise InvalidInput(f"takes {' and '.join(operation.ids)}", field=operation.name)
    for name, value in zip(operation.ids, ids, strict=True):
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidInput(f"must be a whole number, not {value!r}", field=name)
    return operation.path.format(**dict(zip(operation.ids, ids, strict=True)))


def _body(operation: Operation, rest: tuple[Any, ...], given: Mapping[str, Any]) -> Any:
    if operation.body is None:
        if rest:
            raise InvalidInput("takes no body", field=operation.name)
        return None
    if len(rest) > 1 or (rest and given):
        raise InvalidInput("takes one dictionary, or fields by name", field=operation.name)
    wanted = checked(operation.body, rest[0] if rest else given, operation.name)
    return wanted.model_dump(mode="json", exclude_unset=True)


def _query(operation: Operation, given: Mapping[str, Any]) -> list[tuple[str, str]]:
    if unknown := set(given) - set(operation.query):
        known = f"; it knows {', '.join(operation.query)}" if operation.query else ""
        raise InvalidInput(f"does not know {min(unknown)}{known}", field=operation.name)
    pairs = []
    for name, value in given.items():
        several = value if isinstance(value, list | tuple | set | frozenset) else [value]
        pairs += [(name, _text(each)) for each in several if each is not None]
    return pairs


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, datetime) else str(value)
