"""Which lever of the streams moves which latency: a simulation of frame batches on AWS.

    python -m loadtest.stream_levers      prints the table of docs/aws.md

A record waits for the poll of its shard (once a second, or it is pushed), for its lane (shard x
parallelization factor; a lane works on one event at a time), and for a place at a gateway. KEDA
adds replicas by the frame batches that have not ended. All times but these are left out.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

POLL_S = 1.0
PUSH_S = 0.07
CALL_S = 0.02
SERVICE_S = 2.0
PLACES = 2
"""Frame batches at the same time in one replica of a tier."""

KEDA_POLL_S = 5.0
KEDA_TARGET = 10
"""Frame batches that have not ended, for each replica."""

POD_S = 45.0
BURST = 500
_SEED = 20261129


@dataclass(frozen=True)
class Levers:
    """What an installation may choose."""

    shards: int = 2
    factor: int = 1
    batch: int = 1
    fan_out: bool = False
    replicas: int = 2
    most_replicas: int = 2


class Simulation:
    """One run; ``ends`` has when each frame batch was done.

    Args:
        levers: Of the stream and the tier.
        puts: When frame batches are put on the stream, in seconds.
    """

    def __init__(self, levers: Levers, puts: Sequence[float]) -> None:
        self._levers, self._puts = levers, puts
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._now = 0.0
        self.ends: dict[int, float] = {}
        chance = random.Random(_SEED)  # noqa: S311 - repeatable, no secret
        self._lanes: list[deque[int]] = [deque() for _ in range(levers.shards * levers.factor)]
        self._busy = [False] * len(self._lanes)
        self._free = levers.replicas * PLACES
        self._replicas = levers.replicas
        self._waiting: deque[Callable[[], None]] = deque()
        polls = [chance.uniform(0, POLL_S) for _ in range(levers.shards)]
        for number, put in enumerate(puts):
            lane = chance.randrange(len(self._lanes))
            poll = polls[lane % levers.shards]
            seen = poll + math.ceil((put - poll) / POLL_S) * POLL_S
            self._at(put + PUSH_S if levers.fan_out else seen, self._arrive, number, lane)
        if levers.most_replicas > levers.replicas:
            self._at(KEDA_POLL_S, self._scale)

    def run(self) -> Simulation:
        """Run to the end."""
        while self._events and len(self.ends) < len(self._puts):
            self._now, _, act = heapq.heappop(self._events)
            act()
        return self

    def latencies(self) -> list[float]:
        """Seconds from the put of each frame batch to its end, the shortest first."""
        return sorted(self.ends[number] - put for number, put in enumerate(self._puts))

    def _at(self, when: float, act: Callable[..., None], *given: object) -> None:
        heapq.heappush(self._events, (when, next(self._numbers), lambda: act(*given)))

    def _arrive(self, number: int, lane: int) -> None:
        self._lanes[lane].append(number)
        if not self._busy[lane]:
            self._busy[lane] = True
            # What arrives at the same time comes into the same event.
            self._at(self._now, self._take, lane)

    def _take(self, lane: int) -> None:
        waiting = self._lanes[lane]
        if not waiting:
            self._busy[lane] = False
            return
        event = [waiting.popleft() for _ in range(min(self._levers.batch, len(waiting)))]
        self._at(self._now + CALL_S, self._ask, lane, event)

    def _ask(self, lane: int, event: list[int]) -> None:
        if not event:
            self._take(lane)
            return
        if self._free:
            self._free -= 1
            self._at(self._now + SERVICE_S, self._end, lane, event)
        else:
            self._waiting.append(lambda: self._ask(lane, event))

    def _end(self, lane: int, event: list[int]) -> None:
        self.ends[event[0]] = self._now
        self._give(1)
        self._ask(lane, event[1:])

    def _give(self, places: int) -> None:
        self._free += places
        for _ in range(min(places, len(self._waiting))):
            self._waiting.popleft()()

    def _scale(self) -> None:
        open_ = sum(put <= self._now for put in self._puts) - len(self.ends)
        wanted = min(self._levers.most_replicas, math.ceil(open_ / KEDA_TARGET))
        if wanted > self._replicas:
            self._at(self._now + POD_S, self._give, (wanted - self._replicas) * PLACES)
            self._replicas = wanted
        self._at(self._now + KEDA_POLL_S, self._scale)


BASE = Levers()
CHOICES: dict[str, Levers] = {
    "as installed: 2 shards, factor 1, batch 1": BASE,
    "8 shards": replace(BASE, shards=8),
    "factor 4": replace(BASE, factor=4),
    "batch 5": replace(BASE, batch=5),
    "enhanced fan-out": replace(BASE, fan_out=True),
    "KEDA, 2 to 8 replicas": replace(BASE, most_replicas=8),
    "8 shards, KEDA": replace(BASE, shards=8, most_replicas=8),
    "8 shards, factor 2, KEDA": replace(BASE, shards=8, factor=2, most_replicas=8),
    "8 shards, factor 2, KEDA, enhanced fan-out": replace(
        BASE, shards=8, factor=2, most_replicas=8, fan_out=True
    ),
}


def table() -> str:
    """One row for each choice: a frame batch alone, and a burst."""
    lines = [
        f"| levers | one alone: half, 95 % (s) | of {BURST} at once: half, 95 %, all (s) |",
        "|---|---|---|",
    ]
    for name, levers in CHOICES.items():
        alone = Simulation(levers, [60.0 * n + n % 10 / 10 for n in range(200)]).run().latencies()
        burst = Simulation(levers, [0.0] * BURST).run().latencies()
        lines.append(
            f"| {name} | {_share(alone, 0.5):.1f}, {_share(alone, 0.95):.1f} | "
            f"{_share(burst, 0.5):.0f}, {_share(burst, 0.95):.0f}, {burst[-1]:.0f} |"
        )
    return "\n".join(lines)


def _share(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


if __name__ == "__main__":
    print(table())  # noqa: T201
