"""Settings from environment variables, and the names of these.

``PODIUM_<SERVICE>_<FIELD>`` sets one service. A setting with the same meaning in several services
can also be set for all of them, as ``PODIUM_<FIELD>``; the name with the service has precedence.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from podium.errors import SetupError
from podium.wrong_values import in_plain_words

PREFIX = "PODIUM_"
NOT_OF_THE_API = frozenset({"PODIUM_API_KEY", "PODIUM_API_KEYS"})
"""The key that clients send, and the keys of the gateway; they are not settings of the service
``api``."""


class Group(BaseModel):
    """A group of settings that several services have."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    word: ClassVar[str]
    """The fields are ``PODIUM_<WORD>_<FIELD>``."""


class Settings(BaseSettings):
    """Settings from the environment; arguments of the constructor have precedence.

    Raises:
        SetupError: an environment variable has a wrong name; the message has the right one.
    """

    model_config = SettingsConfigDict(
        extra="forbid", use_attribute_docstrings=True, validate_default=True
    )

    service: ClassVar[str] = ""
    """Name of the service; empty: the variables have no service in their names."""

    common: ClassVar[frozenset[str]] = frozenset()
    """Fields that can be set for all services at once; groups always can."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Use only the constructor, then the environment."""
        check_names([cls], os.environ)
        environment = InitSettingsSource(settings_cls, _values(variables(cls), os.environ))
        return init_settings, environment


@dataclass(frozen=True, slots=True)
class Variable:
    """One setting as an environment variable."""

    path: tuple[str, ...]  # field, or group and field
    own: str  # name with the service
    common: str | None  # name for all services
    field: FieldInfo


def variables(kind: type[Settings]) -> Iterator[Variable]:
    """The variables of a service."""
    for name, field in kind.model_fields.items():
        group = field.annotation
        if isinstance(group, type) and issubclass(group, Group):
            for variable in group_variables(group):
                common = variable.own
                path = (name, *variable.path)
                yield Variable(path, _own(kind, common), common, variable.field)
        else:
            bare = f"{PREFIX}{name.upper()}"
            common_name = bare if name in kind.common else None
            yield Variable((name,), _own(kind, bare), common_name, field)


def group_variables(group: type[Group]) -> Iterator[Variable]:
    """The variables of a group for all services."""
    for name, field in group.model_fields.items():
        variable = f"{PREFIX}{group.word}_{name}".upper()
        yield Variable((name,), variable, None, field)


def _own(kind: type[Settings], bare: str) -> str:
    return bare.replace(PREFIX, f"{PREFIX}{kind.service.upper()}_", 1) if kind.service else bare


G = TypeVar("G", bound=Group)


def read_group(group: type[G]) -> G:
    """Read one group, for commands that are not services. Raises SetupError."""
    try:
        return group.model_validate(_values(group_variables(group), os.environ))
    except ValidationError as error:
        raise SetupError(_explain(error, group_variables(group), f"{PREFIX}{group.word}")) from None


def explain_settings(error: ValidationError, kind: type[Settings]) -> str:
    """A message about the first error in the settings of a service, with the variable."""
    return _explain(error, variables(kind), _own(kind, PREFIX).rstrip("_"))


def check_names(kinds: Iterable[type[Settings]], environ: Mapping[str, str]) -> None:
    """Find variables that look like settings of services but are not.

    Raises:
        SetupError: a variable lacks the name of the service, or has an unknown setting; the
            message has the right names.
    """
    moved: dict[str, list[str]] = {}
    known: dict[str, list[str]] = {}  # prefix of a service -> its variables
    for kind in kinds:
        for variable in variables(kind):
            if kind.service:
                known.setdefault(_own(kind, PREFIX), []).append(variable.own)
                if variable.common is None:
                    bare = variable.own.replace(_own(kind, PREFIX), PREFIX, 1)
                    moved.setdefault(bare, []).append(variable.own)
    for name in sorted(environ):
        if name in moved:
            raise SetupError(f"{name} does not say which service: use {' or '.join(moved[name])}")
        for prefix, names in known.items():
            if name.startswith(prefix) and name not in names and name not in NOT_OF_THE_API:
                fields = [known_name.removeprefix(prefix) for known_name in names]
                near = difflib.get_close_matches(name.removeprefix(prefix), fields, n=1)
                hint = f"; did you mean {prefix}{near[0]}?" if near else "; see `podium settings`"
                raise SetupError(f"{name} is no setting{hint}")


def _values(known: Iterable[Variable], environ: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for variable in known:
        for name in (variable.own, variable.common):
            if name is not None and name in environ:
                *group, field = variable.path
                place = values.setdefault(group[0], {}) if group else values
                place[field] = environ[name]
                break
    return values


def _explain(error: ValidationError, known: Iterable[Variable], whole: str) -> str:
    first = error.errors()[0]
    message = in_plain_words(first["msg"])
    place = first["loc"]
    for variable in known:
        used = variable.own if variable.own in os.environ else variable.common or variable.own
        if variable.path == place[: len(variable.path)]:
            return f"{used}: {message}"
        if variable.path[:-1] == place and place:
            whole = used.removesuffix(f"_{variable.path[-1].upper()}")
    return f"{whole}: {message}"
