"""Prometheus metrics of jobs: waiting work, its age, and the duration of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from podium.errors import Unavailable
from podium.jobs.observing.oplog import OperationalLog
from podium.jobs.principal import SYSTEM
from podium.jobs.sql.database import Database
from podium.jobs.sql.gauges import Gauges, gauges
from podium.schemas.states import JOB_STATES, PRIORITIES, TERMINAL

_STEP_BUCKETS_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)


class WorkCollector(Collector):
    """Waiting and running work of the whole installation.

    The database is queried whenever the metrics are read, so every process exports the same
    values: take the maximum over processes, not the sum. While the database does not answer,
    ``podium_jobs_database_up`` is 0 and the other metrics are missing (not 0).

    Args:
        database: Database of the jobs.
        now: The clock.
    """

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now

    def describe(self) -> list[Metric]:
        return []  # so that registering does not query the database

    def collect(self) -> Iterator[Metric]:
        try:
            found = self._database.look(SYSTEM, partial(gauges, now=self._now()))
        except Unavailable:
            found = None
        yield GaugeMetricFamily(
            "podium_jobs_database_up", "Whether the database answers.", value=found is not None
        )
        if found is not None:
            yield from _families(found)


class MeteredLog:
    """Counts the records of an operational log into a histogram, and passes them on.

    Args:
        log: Gets the records.
        registry: Registry of the histogram.
    """

    def __init__(self, log: OperationalLog, registry: CollectorRegistry) -> None:
        self._log = log
        self._durations = Histogram(
            "podium_job_step_duration_seconds",
            "Time of one try of a step, by step and outcome.",
            ("step", "outcome"),
            buckets=_STEP_BUCKETS_S,
            registry=registry,
        )

    def write(self, record: dict[str, Any]) -> None:
        outcome = "ok" if record["outcome"].get("error") is None else "error"
        self._durations.labels(record["action"], outcome).observe(record["duration_ms"] / 1e3)
        self._log.write(record)


def _families(found: Gauges) -> Iterator[Metric]:
    open_states = [state for state in JOB_STATES if state not in TERMINAL]
    jobs = "Jobs that have not ended, by state."
    waiting = "Frame batches that wait, by class."
    oldest = "How long the oldest frame batch that waits has been there, by class."
    at_work = "Frame batches at work, by class."
    yield _by("podium_jobs", jobs, "state", open_states, found.jobs)
    yield _by("podium_frame_batches_waiting", waiting, "priority", PRIORITIES, found.waiting)
    yield _by("podium_frame_batches_oldest_seconds", oldest, "priority", PRIORITIES, found.oldest_s)
    yield _by("podium_frame_batches_at_work", at_work, "priority", PRIORITIES, found.at_work)


def _by(
    name: str, text: str, label: str, values: list[Any] | tuple[Any, ...], counts: dict[str, Any]
) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value in values:
        family.add_metric([value], counts.get(value, 0))
    return family
