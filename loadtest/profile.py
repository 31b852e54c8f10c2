"""A profile: who calls, how many of them, for how long, and what is good enough.

A TOML file (or JSON, as runs leave behind); every field can be overridden with
``--set FIELD=VALUE``, where nested fields have dots and values are TOML
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
    """The profile cannot be used; the message names the field and the remedy."""


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Level(_Closed):
    """A number of users for some time. A list of them is the shape of the load."""

    users: int = Field(ge=1, le=100_000)
    """Users at the same time."""

    seconds: float = Field(gt=0)
    """How long."""

    name: str = ""
    """In the report; the number of users when left out."""

    only: tuple[UserName, ...] = ()
    """Kinds of users; all of the profile when left out."""

    share_of_capacity: float | None = Field(default=None, gt=0, le=2)
    """Offer, evenly in time, this share of what each kind of user reached on the best level so far,
    instead of as much as the users can."""


class User(_Closed):
    """One kind of user; each kind reads the fields that concern it."""

    weight: float = Field(default=1, gt=0)
    """Share of the users."""

    pipeline: str = "pose-3d"
    """Which pipeline it asks for."""

    size: Size = "720p"
    """Size of its clip or frames."""

    frames: int = Field(default=32, ge=1, le=60)
    """Frames per call (KinesisConsumerUser, OipClientUser)."""

    fps: float = Field(default=30, gt=0, le=240)
    """Frames per second of a LiveFrameUser's camera; a frame that is not sent by the time of the
    next one is skipped."""

    target_ms: float = Field(default=200, gt=0)
    """A LiveFrameUser's answers after this are late."""


class Tier(_Closed):
    """One gateway of several, and its share of the users."""

    host: str = ""
    """Base URL of its gateway; empty: start one on this machine."""

    weight: float = Field(default=1, gt=0)
    """Share of the users."""


class Slo(_Closed):
    """What is good enough; only what is given is asked for. The exit code says whether it is so."""

    max_error_share: float | None = 0.0
    """Calls that failed in the end, of all; retried refusals are no failures."""

    p99_ms: dict[UserName, float] = {}
    """p99 of a call, retries included, on every level."""

    min_frames_per_s: float | None = None
    """Capacity."""

    min_on_time_share: float | None = None
    """Of the live frames that were sent."""

    max_generator_share: float | None = 0.15
    """CPU of the load generator, of its machine, at capacity."""

    max_latency_disagreement: float | None = None
    """Between the means that the generator and the gateways measured."""

    max_rss_slope_mb_per_min: float | None = None
    """Of each service, over the longest level."""

    max_p99_growth: float | None = None
    """p99 of the last third of the longest level over that of its first third."""


class Profile(_Closed):
    """What a run does."""

    name: str = ""
    """In the report; that of the file when left out."""

    description: str = ""
    """One sentence."""

    host: str = ""
    """Base URL of the gateway; empty: start the services on this machine."""

    tiers: dict[str, Tier] = {}
    """Several gateways instead of ``host``, by name."""

    services: dict[str, str] = {}
    """Service -> where its ``/metrics`` are: ``http://host:port``, several with commas between, or
    ``dns://host:port`` for every address of a name. The gateways are added by themselves."""

    media_uri: str = ""
    """Folder, as the services know it, that holds the clips (``s3://bucket/clips``); empty: media
    travels with each request."""

    levels: tuple[Level, ...] = Field(min_length=1)
    """One after the other."""

    users: dict[UserName, User] = Field(min_length=1)
    """Who calls."""

    settle_s: float = Field(default=3, ge=0)
    """Left out at the beginning of each level."""

    check_every: int = Field(default=1, ge=0)
    """Every Nth answer of each user is compared with the ground truth; 0: none."""

    scrape_s: float = Field(default=2, gt=0)
    """Time between two looks at the metrics."""

    instance: str = ""
    """Name in the prices file of the machine that all services ran on: what was measured there is
    not scaled."""

    slo: Slo = Slo()
    """What is good enough."""

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
        """The same run on one gateway, which takes the place of ``host`` and of all tiers."""
        return self.model_copy(update={"host": host, "tiers": {}})

    def gateways(self) -> dict[str, Tier]:
        """Name -> gateway; one without a name when there are no tiers."""
        return self.tiers or {"": Tier(host=self.host)}

    def kinds(self, level: Level) -> tuple[UserName, ...]:
        """The kinds of users on a level."""
        return level.only or tuple(self.users)


def entries(where: str) -> list[str]:
    """The addresses of one of ``Profile.services``."""
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
    """Names of gateways for one user after the other, by weight (the method of Sainte-Lague)."""
    given = dict.fromkeys(gateways, 0)
    while True:
        name = min(given, key=lambda n: (given[n] + 0.5) / gateways[n].weight)
        given[name] += 1
        yield name


def load_profile(name: str, overrides: Iterable[str] = ()) -> Profile:
    """Read a profile by the name of a shipped one, or by its path.

    Raises:
        ProfileError: there is no such file, or a field of it or an override is wrong.
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
