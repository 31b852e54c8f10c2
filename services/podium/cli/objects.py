"""``podium list-users``, ``podium create-project`` and so on: a command for each operation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click
from pydantic import BaseModel

from podium.client.jobs.operations import OPERATIONS, Operation
from podium.errors import InvalidInput

COMMANDS = {name.replace("_", "-"): operation for name, operation in OPERATIONS.items()}
"""Command -> operation."""

_TYPES: Mapping[str, click.ParamType[Any]] = {
    "integer": click.INT, "number": click.FLOAT, "boolean": click.BOOL, "string": click.STRING,
}  # fmt: skip
_QUERY_TYPES: Mapping[str, click.ParamType[Any]] = {
    "job_id": click.INT, "video_id": click.INT, "after": click.INT, "size_bytes": click.INT,
    "oldest_first": click.BOOL,
}  # fmt: skip


def command_of(operation: Operation) -> click.Command:
    """The command of an operation; its options are the fields of the request."""
    from podium.cli.jobs.connection import api_client, endpoint_option, output_option

    def run(endpoint_url: str | None, output: str, **given: Any) -> None:
        ids = [given.pop(name) for name in operation.ids]
        version, limit = given.pop("version", None), given.pop("limit", None)
        whole = given.pop("whole", None)
        given = {name: value for name, value in given.items() if value not in (None, ())}
        arguments: list[Any] = [*ids]
        if operation.body is not None:
            body = {**(_read(whole) if whole else {}), **given}
            arguments, given = [*ids, body], {}
        if version is not None:
            given["version"] = version
        if operation.is_list:
            given["limit"] = limit
        with api_client(endpoint_url) as client:
            try:
                answer = getattr(client, operation.name)(*arguments, **given)
            except InvalidInput as error:
                if error.field is not None and operation.body is not None:
                    error.add_note(_where(error.field, operation.body))
                raise
        _show(operation, answer, output)

    made: Any = run
    for option in (endpoint_option, output_option):
        made = option(made)
    if operation.has_versions:
        made = click.option("--version", type=int, help="Refuse if the object's version differs.")(
            made
        )
    if operation.is_list:
        made = click.option("--limit", type=click.IntRange(1), help="At most. [default: all]")(made)
    for name in reversed(operation.query):
        kind = _QUERY_TYPES.get(name, click.STRING)
        made = click.option(_flag(name), name, type=kind)(made)
    if operation.body is not None:
        for parameter in reversed(list(_options(operation.body))):
            made = parameter(made)
    for name in reversed(operation.ids):
        made = click.argument(name, type=click.IntRange(1), metavar=name.upper())(made)
    return click.command(operation.name.replace("_", "-"), help=_help(operation))(made)


def sections() -> list[tuple[str, str]]:
    """One row per kind of object with its commands, as ``podium --help`` shows them."""
    kinds: dict[str, list[str]] = {}
    for name in OPERATIONS:
        verb, _, what = name.partition("_")
        kinds.setdefault(_singular(what), []).append(verb)
    return [
        (what.replace("_", "-"), ", ".join(verbs))
        for what, verbs in kinds.items()
        if "list" in verbs and len(verbs) > 1
    ]


def _singular(name: str) -> str:
    known = {operation.partition("_")[2] for operation in OPERATIONS if operation[:4] == "get_"}
    return name.removesuffix("s") if name.removesuffix("s") in known else name


def _options(body: type[BaseModel]) -> list[Any]:
    schema = body.model_json_schema()
    options: list[Any] = []
    for name, facts in schema["properties"].items():
        required = " [needed]" if name in schema.get("required", ()) else ""
        text = " ".join(facts.get("description", "").replace("``", "").split()) + required
        options.append(_option(name, facts, text.strip()))
    whole = click.option(
        "--json", "whole", metavar="FILE", type=click.File("rb"),
        help="Fields as a JSON document; - reads stdin. Options go before it.",
    )  # fmt: skip
    return [*options, whole]


def _option(name: str, facts: Mapping[str, Any], text: str) -> Any:
    plain = next((each for each in facts.get("anyOf", ()) if each.get("type") != "null"), facts)
    if "enum" in plain:
        kind: click.ParamType[Any] = click.Choice(plain["enum"])
        return click.option(_flag(name), name, type=kind, help=text)
    if plain.get("type") == "array" and "$ref" not in plain["items"]:
        return click.option(
            _flag(name), name, multiple=True, help=f"{text} May be repeated.".strip()
        )
    if plain.get("type") in _TYPES:
        return click.option(_flag(name), name, type=_TYPES[plain["type"]], help=text)
    return click.option(_flag(name), name, type=_Json(), help=text)


class _Json(click.ParamType[Any]):
    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return json.loads(value)
        except ValueError as error:
            self.fail(f"is not JSON ({error})", param, ctx)


def _read(file: Any) -> dict[str, Any]:
    try:
        body = json.load(file)
    except ValueError as error:
        raise click.BadParameter(f"is not JSON ({error})", param_hint="--json") from None
    if not isinstance(body, dict):
        raise click.BadParameter("is no JSON object", param_hint="--json")
    return body


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _where(field: str, body: type[BaseModel]) -> str:
    first = field.partition(".")[0]
    return f"it is option {_flag(first)}" if first in body.model_fields else ""


def _help(operation: Operation) -> str:
    ids = ", ".join(name.upper() for name in operation.ids)
    fields = ", " if ids and operation.body is not None else ""
    fields += "{...}" if operation.body is not None else ""
    return f"{operation.summary}\n\nIn Python: podium.Client().{operation.name}({ids}{fields})"


def _show(operation: Operation, answer: Any, output: str) -> None:
    from podium.cli.jobs.display import print_json, print_list, print_object

    if answer is None:
        click.echo("done", err=True)
    elif output == "json":
        print_json(answer)
    elif operation.is_list:
        assert operation.answer is not None  # noqa: S101 - lists have items
        print_list(answer, operation.answer)
    else:
        print_object(answer)
