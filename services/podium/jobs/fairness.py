"""Fair choice of the next frame batches: classes by weight, projects in turn, no starvation."""

from __future__ import annotations

from collections.abc import Sequence

from podium.jobs.sql.batches import Queue
from podium.schemas.states import Priority

WEIGHTS: dict[Priority, int] = {"high-priority": 6, "priority": 3, "standard": 1}
"""Shares of ten frame batches while all classes wait; unused shares go to the other classes."""


class Turns:
    """Smooth weighted round-robin over classes, and round-robin over the projects of a class.

    It remembers the last turns, so that the weights also hold if slots become free one at a time.
    """

    def __init__(self) -> None:
        self._credit: dict[Priority, int] = dict.fromkeys(WEIGHTS, 0)
        self._last: dict[Priority, int] = {}

    def share(self, queues: Sequence[Queue], slots: int) -> dict[tuple[int, Priority], int]:
        """Give free slots to queues.

        Args:
            queues: Waiting frame batches by project and class.
            slots: Number of frame batches that can begin.

        Returns:
            (project, class) -> number to take: at most those that wait, and at most as many at
            work for a project as its ``concurrency``.
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
