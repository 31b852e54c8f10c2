"""Reads the metrics of the services every few seconds, and calculates figures from them."""

from __future__ import annotations

import socket
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import gevent
import numpy as np
import requests
from numpy.typing import NDArray
from prometheus_client.parser import text_string_to_metric_families

from loadtest.profile import entries

TIMEOUT_S = 2.0

Labels = frozenset[tuple[str, str]]
Series = tuple[str, str, str, Labels]
"""Service, address of the replica, name of the sample, labels."""

_WANTED = ("podium_", "process_cpu_seconds_total", "process_resident_memory_bytes")
_UNWANTED = ("_bucket", "_created")
KNOWN = "podium_stage_replicas"
BUCKET = "podium_request_duration_seconds_bucket"
_COUNTERS = ("_total", "_sum", "_count", "_bucket")


def addresses(where: str) -> list[str]:
    """Base URLs: those of a list, or all current addresses of ``dns://host:port``."""
    urls = []
    for entry in entries(where):
        parts = urlsplit(entry)
        if parts.scheme != "dns":
            urls.append(entry.rstrip("/"))
            continue
        try:
            found = socket.getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_STREAM)
        except OSError:
            continue  # there are no replicas now
        hosts = {str(info[4][0]) for info in found}
        urls += [f"http://{f'[{h}]' if ':' in h else h}:{parts.port}" for h in sorted(hosts)]
    return urls


@dataclass
class Timeline:
    """The samples of all replicas over time. Times are Unix times."""

    points: dict[Series, list[tuple[float, float]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    replicas: dict[str, list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, service: str, address: str, time_s: float, text: str) -> None:
        """Add the relevant samples of one answer of ``/metrics``.

        New counters are taken to have been 0 at the time before.
        """
        looks = self.replicas.get(service)
        for family in text_string_to_metric_families(_interesting(service, text)):
            for sample in family.samples:
                series = (service, address, sample.name, frozenset(sample.labels.items()))
                if looks and series not in self.points and sample.name.endswith(_COUNTERS):
                    self.points[series].append((looks[-1][0], 0.0))
                self.points[series].append((time_s, sample.value))

    def services(self) -> list[str]:
        """The services that have answered."""
        return [name for name, counts in self.replicas.items() if any(n for _, n in counts)]

    def increase(
        self, name: str, begin_s: float, end_s: float, service: str = "", **labels: str
    ) -> float:
        """Increase of a counter over all replicas; restarts are taken into account."""
        total = 0.0
        for points in self._series(name, service, labels):
            times, values = _columns(points)
            steps = np.diff(values, prepend=values[0])
            grown = np.cumsum(np.where(steps < 0, values, steps))
            total += float(np.interp(end_s, times, grown) - np.interp(begin_s, times, grown))
        return total

    def mean(
        self, name: str, begin_s: float, end_s: float, service: str = "", **labels: str
    ) -> float:
        """Average of a gauge, summed over replicas."""
        total = 0.0
        for points in self._series(name, service, labels):
            values = [value for time_s, value in points if begin_s <= time_s <= end_s]
            total += float(np.mean(values)) if values else 0.0
        return total

    def replica_counts(self) -> dict[str, NDArray[np.float64]]:
        """Service -> [T, 2] time and number of replicas that answered, or that a gateway knew."""
        found = {name: np.array(self.replicas[name], np.float64) for name in self.services()}
        for stage in self.labels(KNOWN, "stage"):
            if stage not in found:
                known: dict[float, float] = {}
                for points in self._series(KNOWN, "gateway", {"stage": stage}):
                    for time_s, value in points:
                        known[time_s] = max(known.get(time_s, 0.0), value)
                found[stage] = np.array(sorted(known.items())).reshape(-1, 2)
        return found

    def mean_replicas(self, service: str, begin_s: float, end_s: float) -> float:
        """Average number of replicas of a service that answered."""
        counts = [n for time_s, n in self.replicas.get(service, ()) if begin_s <= time_s <= end_s]
        return float(np.mean(counts)) if counts else 0.0

    def labels(self, name: str, label: str) -> list[str]:
        """The values of a label."""
        found = {dict(s[3]).get(label, "") for s in self.points if s[2] == name}
        return sorted(found)

    def gauge(self, name: str, service: str, **labels: str) -> NDArray[np.float64]:
        """[T, 2] time and value of a gauge, summed over replicas."""
        sums: dict[float, float] = defaultdict(float)
        for points in self._series(name, service, labels):
            for time_s, value in points:
                sums[time_s] += value
        return np.array(sorted(sums.items())).reshape(-1, 2)

    def _series(
        self, name: str, service: str, labels: Mapping[str, str]
    ) -> Iterator[list[tuple[float, float]]]:
        wanted = set(labels.items())
        for (its_service, _, its_name, its_labels), points in self.points.items():
            if its_name == name and service in ("", its_service) and wanted <= its_labels:
                yield points


class Scraper:
    """Fills a timeline in the background.

    Args:
        services: Service -> addresses of its metrics, as in a profile.
        interval_s: Interval of reading.
    """

    def __init__(self, services: Mapping[str, str], interval_s: float) -> None:
        self.timeline = Timeline()
        self._services = dict(services)
        self._interval_s = interval_s
        self._session = requests.Session()
        self._session.trust_env = False  # metrics are not read through a proxy
        self._greenlet: gevent.Greenlet | None = None

    def start(self) -> None:
        """Read now, and then at each interval."""
        self.look()
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Read a last time and stop."""
        if self._greenlet is not None:
            self._greenlet.kill()
        self.look()

    def look(self) -> None:
        """Read the metrics of all replicas of all services once."""
        now_s = time.time()
        for service, where in self._services.items():
            count = 0
            for address in addresses(where):
                try:
                    answer = self._session.get(f"{address}/metrics", timeout=TIMEOUT_S)
                    answer.raise_for_status()
                except requests.RequestException:
                    continue
                self.timeline.add(service, address, now_s, answer.text)
                count += 1
            self.timeline.replicas[service].append((now_s, count))

    def _run(self) -> None:
        while True:
            gevent.sleep(self._interval_s)
            self.look()


def _interesting(service: str, text: str) -> str:
    """Drop irrelevant lines, as parsing costs the generator more than fetching."""
    buckets = BUCKET if service == "gateway" else "\0"
    lines = [
        line
        for line in text.splitlines()
        if line.startswith(_WANTED)
        and (line.startswith(buckets) or not line.partition("{")[0].endswith(_UNWANTED))
    ]
    return "\n".join(lines) + "\n"


def _columns(points: Iterable[tuple[float, float]]) -> tuple[NDArray[np.float64], ...]:
    times, values = np.array(list(points), np.float64).T
    return times, values
