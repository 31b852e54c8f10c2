"""``podium settings``: prints every setting of every service."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import click
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from podium.containment.settings import CodecsSettings
from podium.environment import Variable, check_names, group_variables, variables
from podium.local.settings import JOB_SERVICES, SERVICES, settings_of
from podium.models.settings import RepositorySettings
from podium.serving.hosting.model_service import ModelServiceSettings
from podium.serving.http.settings import ServiceSettings
from podium.storage.settings import ObjectStoreSettings

_TITLES = {"jobs": "jobs: controllers and the api"}


@click.command("settings")
def command() -> None:
    """Print every setting of every service as a Markdown table.

    Services are configured only by environment variables. The tables are also in
    docs/configuration.md.
    """
    click.echo(markdown())
    check_names([settings_of(service) for service in (*SERVICES, *JOB_SERVICES)], os.environ)


def markdown() -> str:
    """Tables of the settings that all services share, that some share, and of each service."""
    everywhere = _by_common_name(variables(ServiceSettings))
    objects = {variable.own: variable.field for variable in group_variables(ObjectStoreSettings)}
    codecs = {variable.own: variable.field for variable in group_variables(CodecsSettings)}
    models = _by_common_name(variables(ModelServiceSettings))
    models = {name: field for name, field in models.items() if name not in everywhere}
    parts = [f"## Every service\n\n{_table(everywhere)}"]
    for title, group, table in (
        ("Media and results", ObjectStoreSettings, objects),
        ("Codecs", CodecsSettings, codecs),
        ("Models", RepositorySettings, models),
    ):
        services = (*SERVICES, *JOB_SERVICES)
        users = ", ".join(each for each in services if group in _groups_of(each))
        parts.append(f"## {title}: {users}\n\n{_table(table)}")
    said = everywhere | objects | codecs | models
    for service in (*SERVICES, *JOB_SERVICES):
        added = {}
        for variable in variables(settings_of(service)):
            elsewhere = said.get(variable.common or "")
            if elsewhere is None:
                added[variable.common or variable.own] = variable.field
            elif _default(elsewhere) != _default(variable.field):
                added[variable.own] = variable.field
        parts.append(f"## {_TITLES.get(service, service)}\n\n{_table(added)}")
    return "\n\n".join(parts)


def _by_common_name(all_of_them: Iterable[Variable]) -> dict[str, FieldInfo]:
    return {each.common: each.field for each in all_of_them if each.common}


def _groups_of(service: str) -> list[Any]:
    return [field.annotation for field in settings_of(service).model_fields.values()]


def _default(field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=False)
    if value is PydanticUndefined:
        return "(required)"
    if value in (None, (), ""):
        return ""
    return f"`{','.join(map(str, value)) if isinstance(value, tuple) else value}`"


def _meaning(field: FieldInfo) -> str:
    return " ".join((field.description or "").replace("``", "`").split())


def _table(rows: dict[str, FieldInfo]) -> str:
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    lines += [
        f"| `{name}` | {_default(field)} | {_meaning(field)} |" for name, field in rows.items()
    ]
    return "\n".join(lines)
