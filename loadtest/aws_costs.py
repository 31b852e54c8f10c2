"""What jobs cost on AWS, on paper: by day where nothing happens, and for a million frames.

python -m loadtest.aws_costs          prints the tables of docs/aws.md
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from loadtest.capacity import load_prices

PRICES = Path(__file__).parent / "aws_prices.toml"
HOURS, MONTH_DAYS = 24, 30.4
MILLION = 1_000_000


class AwsPrices(BaseModel):
    """A prices file."""

    model_config = ConfigDict(extra="forbid")

    currency: str
    region: str
    as_of: str
    per_hour: dict[str, float]
    per_month: dict[str, float]
    per_million: dict[str, float]


@dataclass(frozen=True)
class Installation:
    """What stands all the time."""

    shards: int = 6
    fan_out_shards: int = 0
    database_units: float = 0.5
    database_gb: float = 10
    alarms: int = 11
    secrets: int = 2
    image_gb: float = 0.5
    instances: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Work:
    """How a million frames come: jobs of one video each."""

    video_frames: int = 10_000
    batch_frames: int = 64
    batch_s: float = 2.0
    """How long a consumer waits for a frame batch."""

    consumer_gb: float = 0.5
    looks: int = 20
    """Looks of the state machine at a job."""

    @property
    def jobs(self) -> int:
        """Jobs for a million frames."""
        return math.ceil(MILLION / self.video_frames)

    @property
    def batches(self) -> int:
        """Frame batches for a million frames."""
        return self.jobs * math.ceil(self.video_frames / self.batch_frames)


def load(path: Path = PRICES) -> AwsPrices:
    """Read a prices file."""
    return AwsPrices.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


def idle_day(prices: AwsPrices, what: Installation) -> dict[str, float]:
    """What a day costs on which nothing happens."""
    hour, month = prices.per_hour, prices.per_month
    proxy_units = max(8.0, what.database_units)
    kept = {
        "streams": what.shards * hour["kinesis_shard"]
        + what.fan_out_shards * hour["kinesis_fan_out_shard"],
        "database": what.database_units * hour["aurora_capacity_unit"],
        "proxy of the database": proxy_units * hour["rds_proxy_capacity_unit"],
        "internal load balancer": hour["load_balancer"],
        "EKS control plane": hour["eks_cluster"],
    }
    costs = {name: HOURS * price for name, price in kept.items()}
    monthly = (
        what.alarms * month["alarm"]
        + what.secrets * month["secret"]
        + what.image_gb * month["image_gb"]
        + what.database_gb * month["database_gb"]
    )
    costs["alarms, secrets, image, data"] = monthly / MONTH_DAYS
    calls = HOURS * 60  # of the housekeeper, of 0.2 s
    costs["housekeeper"] = _lambda(prices, calls, 0.2, 0.5)
    machines = load_prices().instances
    for name, count in (what.instances or {}).items():
        costs[f"{count} {name}"] = HOURS * count * machines[name].per_hour
    return costs


def million_frames(prices: AwsPrices, work: Work) -> dict[str, float]:
    """What a million frames cost beyond what stands; the machines of the tiers are not in it."""
    each = {name: price / MILLION for name, price in prices.per_million.items()}
    transitions = work.jobs * (6 + 4 * work.looks)
    steps = work.jobs * (3 + work.looks)
    database_calls = 8 * work.batches + 10 * steps
    return {
        "consumers": _lambda(prices, work.batches, work.batch_s, work.consumer_gb),
        "other functions": _lambda(prices, steps, 1.0, 1.0),
        "workflow": transitions * each["state_transition"],
        "streams": work.batches * each["kinesis_put"],
        "objects": (work.batches + 10 * work.jobs) * each["s3_put"]
        + 2 * work.batches * each["s3_get"],
        "operational log": (work.batches + 2 * steps) * each["firehose_5_kb"],
        "database": database_calls * each["database_io"],
        "api": 50 * work.jobs * each["http_api_request"],
    }


def _lambda(prices: AwsPrices, calls: int, seconds: float, memory_gb: float) -> float:
    price = prices.per_million
    return calls * (price["lambda_call"] + seconds * memory_gb * price["lambda_gb_s"]) / MILLION


def tables() -> str:
    """Both tables."""
    prices = load()
    development = idle_day(prices, Installation())
    production = idle_day(
        prices, Installation(database_units=2, instances={"m5.xlarge": 3, "g4dn.xlarge": 1})
    )
    lines = [
        f"| {prices.currency} a day, idle | without machines | production, one tier |",
        "|---|---|---|",
    ]
    for name in [*production, "all"]:
        own = sum(development.values()) if name == "all" else development.get(name, 0.0)
        other = sum(production.values()) if name == "all" else production[name]
        lines.append(f"| {name} | {own:.2f} | {other:.2f} |")
    work = Work()
    costs = million_frames(prices, work)
    lines += ["", f"| {prices.currency} for a million frames | {work.jobs} jobs |", "|---|---|"]
    lines += [f"| {name} | {cost:.2f} |" for name, cost in costs.items()]
    lines.append(f"| all | {sum(costs.values()):.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(tables())  # noqa: T201
