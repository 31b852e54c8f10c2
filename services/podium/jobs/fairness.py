"""Which frame batches come next: classes by weight, projects in turn, none of them starved."""

from __future__ import annotations

from collections.abc import Sequence

from podium.jobs.sql.batches import Queue
from podium.schemas.states import Priority

WEIGHTS: dict[Priority, int] = {"high-priority": 6, "priority": 3, "standard": 1}
"""Of ten frame batches while all classes wait: what a class does not use goes to the others."""


class Turns:
    """Smooth weighted round-robin over classes, and round-robin over the projects of a class.

    It remembers who had the last turn, so that weights hold also where one slot is free at a time.
    """

    def __init__(self) -> None:
        self._credit: dict[Priority, int] = dict.fromkeys(WEIGHTS, 0)
        self._last: dict[Priority, int] = {}

    def share(self, queues: Sequence[Queue], slots: int) -> dict[tuple[int, Priority], int]:
        """Give free slots to queues.

        Args:
            queues: What waits.
            slots: How many frame batches can begin.

        Returns:
            (project, class) -> how many to take; no more than wait, and no more at work of one
            project than its ``concurrency``.
        """
        waiting = {(queue.project_id, queue.priority): queue.waiting for queue in queues}
        room = {queue.project_id: queue.concurrency - queue.at_work for queue in queues}
        given: dict[tuple[int, Priority], int] = {}
        for _ in range(slots):
            able = sorted(key for key, count in waiting.items() if count and room[key[0]] > 0)
            if not able:
                break
            priority = self._next_class({priority for _, priority in able})
            key = (
                self._next_project(priority, [p for p, kind in able if kind == priority]),
                priority,
            )
            given[key] = given.get(key, 0) + 1
            waiting[key] -= 1
            room[key[0]] -= 1
        return given

    def _next_class(self, able: set[Priority]) -> Priority:
        for priority in able:
            self._credit[priority] += WEIGHTS[priority]
        chosen = max(able, key=lambda priority: (self._credit[priority], WEIGHTS[priority]))
        self._credit[chosen] -= sum(WEIGHTS[priority] for priority in able)
        return chosen

    def _next_project(self, priority: Priority, projects: Sequence[int]) -> int:
        last = self._last.get(priority, 0)
        following = next((project for project in projects if project > last), projects[0])
        self._last[priority] = following
        return following
