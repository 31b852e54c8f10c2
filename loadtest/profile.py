"""A profile: the users, their numbers, durations, and objectives of a load test.

A TOML file (or a JSON file from a report). Every field can be overridden with
``--set FIELD=VALUE``, with dots for nested fields and TOML values
(``--set users.LiveFrameUser.fps=60``).
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from podium.wrong_values import in_plain_words

PROFILES = Path(__file__).parent / "profiles"

UserName = Literal["KinesisConsumerUser", "LiveFrameUser", "BatchVideoUser", "OipClientUser"]
Size = Literal["360p", "720p", "1080p"]


class ProfileError(ValueError):
    """The profile is not valid; the message names the field and the remedy."""


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Level(_Closed):
    """A number of users for some time. A list of levels is the shape of the load."""

    users: int = Field(ge=1, le=100_000)
    """Users at the same time."""

    seconds: float = Field(gt=0)
    """Duration."""

    name: str = ""
    """Name in the report; left out: the number of users."""

    only: tuple[UserName, ...] = ()
    """Kinds of users; left out: all kinds of the profile."""

    share_of_capacity: float | None = Field(default=None, gt=0, le=2)
    """Offer this share of the rate that each kind of user reached on the best level so far, evenly
    in time. Left out: users send the next request as soon as they have the answer."""


class User(_Closed):
    """Options of one kind of user; each kind uses the fields that apply to it."""

    weight: float = Field(default=1, gt=0)
    """Share of the users."""

    pipeline: str = "pose-3d"
    """Name of the pipeline."""

    size: Size = "720p"
    """Size of its clip or frames."""

    frames: int = Field(default=32, ge=1, le=60)
    """Frames per call (KinesisConsumerUser, OipClientUser)."""

    fps: float = Field(default=30, gt=0, le=240)
    """Frames per second of a LiveFrameUser's camera; a frame that cannot be sent before the next
    one is skipped."""

    target_ms: float = Field(default=200, gt=0)
    """Later answers to a LiveFrameUser are late."""


class Tier(_Closed):
    """One gateway of several, and its share of the users."""

    host: str = ""
    """Base URL of its gateway; empty: start one on this machine."""

    weight: float = Field(default=1, gt=0)
    """Share of the users."""


class Slo(_Closed):
    """The objectives; those that are left out are not checked. They decide the exit code."""

    max_error_share: float | None = 0.0
    """Share of calls that failed finally; retried refusals are not failures."""

    p99_ms: dict[UserName, float] = {}
    """p99 of a call, including retries, on every level."""

    min_frames_per_s: float | None = None
    """Least capacity."""

    min_on_time_share: float | None = None
    """Share of the sent live frames whose answers are in time."""

    max_generator_share: float | None = 0.15
    """CPU share of the load generator on its machine, at capacity."""

    max_latency_disagreement: float | None = None
    """Relative difference of the mean latencies of generator and gateways."""

    max_rss_slope_mb_per_min: float | None = None
    """Growth of each service's memory, over the longest level."""

    max_p99_growth: float | None = None
    """p99 of the last third of the longest level over that of its first third."""


class Profile(_Closed):
    """The description of a run."""

    name: str = ""
    """Name in the report; left out: the name of the file."""

    description: str = ""
    """One sentence."""

    host: str = ""
    """Base URL of the gateway; empty: start the services on this machine."""

    tiers: dict[str, Tier] = {}
    """Several gateways instead of ``host``, by name."""

    services: dict[str, str] = {}
    """Service -> addresses of its ``/metrics``: ``http://host:port``, several separated by commas,
    or ``dns://host:port`` for every address of a name. The gateways are added automatically."""

    no_op: bool = False
    """Start services with models that compute nothing; their answers are not compared."""

    here: tuple[str, ...] = ()
    """Stages that run in the process of a gateway that is started, such as ``decode``."""

    media_uri: str = ""
    """Address of the folder with the clips, for the services (``s3://bucket/clips``); empty: each
    request contains its media."""

    levels: tuple[Level, ...] = Field(min_length=1)
    """The levels, in order."""

    users: dict[UserName, User] = Field(min_length=1)
    """The kinds of users."""

    settle_s: float = Field(default=3, ge=0)
    """Time at the beginning of each level that is not measured."""

    check_every: int = Field(default=1, ge=0)
    """Every Nth answer of each user is compared with the ground truth; 0: none."""

    scrape_s: float = Field(default=2, gt=0)
    """Interval of reading the metrics."""

    instance: str = ""
    """Name in the prices file of the machine of all services; its row has measured figures."""

    slo: Slo = Slo()
    """The objectives."""

    @field_validator("services")
    @classmethod
    def _have_addresses(cls, services: dict[str, str]) -> dict[str, str]:
        for name, where in services.items():
            for entry in entries(where):
                if not _is_address(entry):
                    raise ValueError(
                        f"{name}: {entry}: give http://host:port, or dns://host:port for every "
                        "address of a name"
                    )
        return services

    @model_validator(mode="after")
    def _levels_can_be(self) -> Self:
        if self.levels[0].share_of_capacity is not None:
            raise ValueError(
                "levels.0.share_of_capacity: no level before it shows the capacity; put one there"
            )
        for number, level in enumerate(self.levels):
            if unknown := [name for name in level.only if name not in self.users]:
                raise ValueError(
                    f"levels.{number}.only: {unknown[0]} is not among the users of the profile; "
                    f"add a table [users.{unknown[0]}]"
                )
        return self

    def at(self, host: str) -> Self:
        """The profile with one gateway instead of ``host`` and all tiers."""
        return self.model_copy(update={"host": host, "tiers": {}})

    def gateways(self) -> dict[str, Tier]:
        """Name -> gateway; without tiers, one gateway with an empty name."""
        return self.tiers or {"": Tier(host=self.host)}

    def kinds(self, level: Level) -> tuple[UserName, ...]:
        """The kinds of users on a level."""
        return level.only or tuple(self.users)


def entries(where: str) -> list[str]:
    """The addresses in a value of ``Profile.services``."""
    return [entry for part in where.split(",") if (entry := part.strip())]


def _is_address(entry: str) -> bool:
    try:
        parts = urlsplit(entry)
        port = parts.port
    except ValueError:
        return False
    if not parts.hostname:
        return False
    return parts.scheme in ("http", "https") or (parts.scheme == "dns" and port is not None)


def in_turn(gateways: Mapping[str, Tier]) -> Iterator[str]:
    """The names of gateways for successive users, by weight (the Sainte-Lague method)."""
    given = dict.fromkeys(gateways, 0)
    while True:
        name = min(given, key=lambda n: (given[n] + 0.5) / gateways[n].weight)
        given[name] += 1
        yield name


def load_profile(name: str, overrides: Iterable[str] = ()) -> Profile:
    """Read a profile by the name of a shipped one, or by its path.

    Raises:
        ProfileError: there is no such file, or a field or an override is wrong.
    """
    path = PROFILES / f"{name}.toml"
    if not path.is_file():
        path = Path(name)
    if not path.is_file():
        shipped = ", ".join(sorted(found.stem for found in PROFILES.glob("*.toml")))
        raise ProfileError(f"{name}: no such file, nor a shipped profile; there are {shipped}")
    try:
        text = path.read_text(encoding="utf-8")
        values = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise ProfileError(f"{path}: {error}") from None
    if not isinstance(values, dict):
        raise ProfileError(f"{path}: give an object with the fields of a profile")
    values.setdefault("name", path.stem)
    for override in overrides:
        _override(values, override)
    try:
        return Profile.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = in_plain_words(first["msg"])
        raise ProfileError(": ".join(filter(None, (str(path), where, message)))) from None


def _override(values: dict[str, Any], text: str) -> None:
    key, separator, value = text.partition("=")
    if not separator:
        raise ProfileError(f"--set {text}: give FIELD=VALUE")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value  # a string without quotes
    *_, last = keys = key.split(".")
    inner: Any = values
    for name, below in pairwise(keys):
        inner = inner.setdefault(name, {}) if isinstance(inner, dict) else inner[int(name)]
        if isinstance(inner, list) and not below.isdecimal():
            raise ProfileError(f"--set {text}: give the number of an entry of {name}")
        if isinstance(inner, list) and int(below) >= len(inner):
            raise ProfileError(f"--set {text}: {name} has {len(inner)} entries, counted from 0")
        if not isinstance(inner, dict | list):
            raise ProfileError(f"--set {text}: {name} has no fields")
    inner[int(last) if isinstance(inner, list) else last] = parsed
