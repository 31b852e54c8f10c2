"""The shape of the load: the levels of a profile in order."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

from locust import LoadTestShape, User

from loadtest.profile import Level, Profile
from loadtest.run import Span
from loadtest.users import USERS

SPAWN_RATE = 100.0
"""Users started per second; Locust warns if it is higher."""

Tick = tuple[int, float, list[type[User]]]


class ProfileShape(LoadTestShape):
    """Tells Locust the number of users at each time.

    If the next level has other kinds of users, and at the end, all users first finish their calls
    and stop.
    """

    profile: ClassVar[Profile]
    before_level: ClassVar[Callable[[Level], None]]

    def __init__(self) -> None:
        super().__init__()
        self.spans: list[Span] = []

    def reset_time(self) -> None:
        super().reset_time()
        self.spans = []

    def tick(self) -> Tick | None:
        """Number of users, number to start or stop per second, their kinds; None at the end."""
        now_s = time.time()
        current = self.spans[-1] if self.spans else None
        if current is not None and now_s < current.begin_s + current.level.seconds:
            return self._load(current.level)
        self.close()
        over = len(self.spans) == len(self.profile.levels)
        level = self.profile.levels[-1 if over else len(self.spans)]
        changes = current is not None and self._kinds(current.level) != self._kinds(level)
        if (over or changes) and self.get_current_user_count() > 0:
            return 0, SPAWN_RATE, self._kinds(current.level if current else level)
        if over:
            return None
        type(self).before_level(level)
        self.spans.append(Span(level, time.time()))
        return self._load(level)

    def close(self) -> None:
        """End the current level."""
        if self.spans and self.spans[-1].end_s == 0.0 and self.runner is not None:
            self.spans[-1].end_s = time.time()
            self.spans[-1].counts = dict(self.runner.target_user_classes_count)

    def _load(self, level: Level) -> Tick:
        return level.users, SPAWN_RATE, self._kinds(level)

    def _kinds(self, level: Level) -> list[type[User]]:
        return [USERS[name] for name in self.profile.kinds(level)]
