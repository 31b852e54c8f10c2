"""``podium settings``: every setting of every service, as it is read from the environment."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import click
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from podium.local.stack import SERVICES
from podium.serving.hosting.model_service import MODEL_SERVICES, model_settings
from podium.serving.http.settings import ServiceSettings


@click.command("settings")
def command() -> None:
    """Print every setting of every service as a Markdown table.

    Services are configured by environment variables alone; docs/configuration.md is made of this.
    """
    click.echo(markdown())


def markdown() -> str:
    """A table of what all services share, and one per service of what it adds."""
    shared = dict(_settings(ServiceSettings))
    parts = ["## Every service\n", _table(shared)]
    for service in SERVICES:
        own = dict(_settings(_settings_class(service)))
        added = {
            name: row for name, row in own.items() if name not in shared or row != shared[name]
        }
        parts += [f"\n## {service}\n", _table(added)]
    return "\n".join(parts)


def _settings_class(service: str) -> type[ServiceSettings]:
    for task in MODEL_SERVICES:
        if task == service:
            return model_settings(task)
    module = importlib.import_module(f"podium.{service}.settings")
    (found,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, ServiceSettings)
        and value.__module__ == module.__name__
    )
    return found


def _settings(kind: type[BaseSettings]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Variable -> default and meaning, groups of settings by their own prefix."""
    prefix = str(kind.model_config.get("env_prefix", ""))
    for name, field in kind.model_fields.items():
        group = field.annotation
        if isinstance(group, type) and issubclass(group, BaseSettings):
            yield from _settings(group)
        else:
            yield f"{prefix}{name}".upper(), (_default(field), _meaning(field))


def _default(field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=False)
    if value is PydanticUndefined:
        return "(required)"
    if value is None or value == ():
        return ""
    return f"`{','.join(map(str, value)) if isinstance(value, tuple) else value}`"


def _meaning(field: FieldInfo) -> str:
    return " ".join((field.description or "").replace("``", "`").split())


def _table(rows: dict[str, tuple[str, str]]) -> str:
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    lines += [f"| `{name}` | {default} | {text} |" for name, (default, text) in rows.items()]
    return "\n".join(lines)
