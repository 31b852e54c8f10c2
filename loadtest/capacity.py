"""The capacity of the services, and the cost of a million frames on machines with a price."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from loadtest.profile import ProfileError
from podium.wrong_values import in_plain_words

PRICES = Path(__file__).parent / "prices.toml"


class Instance(BaseModel):
    """A kind of machine."""

    model_config = ConfigDict(extra="forbid")

    per_hour: float = Field(gt=0)
    vcpus: int = Field(ge=1)
    gpu: str = ""


class Prices(BaseModel):
    """A prices file."""

    model_config = ConfigDict(extra="forbid")

    currency: str
    region: str
    as_of: str
    instances: dict[str, Instance] = Field(min_length=1)


@dataclass(frozen=True)
class Capacity:
    """One row of the capacity table."""

    machine: str
    measured: bool  # False: calculated
    frames_per_s: float
    cpu_s_per_frame: float | None  # of all services; None: some metrics were unreachable
    frames_per_core_hour: float | None
    per_million: float | None  # cost of a million frames; None: the machine has no price


def load_prices(path: Path = PRICES) -> Prices:
    """Read a prices file.

    Raises:
        ProfileError: the file is missing, or a field is wrong.
    """
    try:
        return Prices.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProfileError(f"prices file {path}: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ProfileError(f"prices file {path}: {where}: {in_plain_words(first['msg'])}") from None


def capacity_table(
    frames_per_s: float, cpu_s_per_frame: float | None, machine: str, instance: str, prices: Prices
) -> list[Capacity]:
    """The measured machine, and calculated rows for the others in the prices file.

    The calculation assumes that every vCPU is as fast as the processors here, always busy with the
    services, and that nothing else limits them; graphics cards are not used.

    Args:
        frames_per_s: Measured rate.
        cpu_s_per_frame: Measured CPU time of all services together.
        machine: Name of the measured machine.
        instance: Its name in the prices file, if it has one.
        prices: The prices.
    """
    per_core_hour = 3600 / cpu_s_per_frame if cpu_s_per_frame else None

    def row(name: str, measured: bool, frames_per_s: float) -> Capacity:
        cost = _per_million(prices.instances.get(name), frames_per_s)
        return Capacity(name, measured, frames_per_s, cpu_s_per_frame, per_core_hour, cost)

    rows = [row(instance or machine, True, frames_per_s)]
    if cpu_s_per_frame:
        rows += [
            row(name, False, other.vcpus / cpu_s_per_frame)
            for name, other in prices.instances.items()
            if name != instance
        ]
    return rows


def _per_million(price: Instance | None, frames_per_s: float) -> float | None:
    if price is None or frames_per_s <= 0:
        return None
    return price.per_hour / 3600 / frames_per_s * 1e6
