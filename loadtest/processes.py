"""The processes of a run: one conductor, and workers that only make load."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import gevent
from locust.runners import MasterRunner

from loadtest.caller import Plan, PodiumUser
from loadtest.calls import Call
from loadtest.capacity import Prices
from loadtest.curve import level_figures
from loadtest.generator import SelfSampler
from loadtest.levels import ProfileShape
from loadtest.payloads import clip
from loadtest.profile import Level, Profile, UserName, in_turn
from loadtest.report import write_report
from loadtest.run import REPORT_DELAY_S, Run
from loadtest.scrape import Scraper
from loadtest.users import USERS

Locust = Any
"""Locust's environment; ``Any``, because its types declare everything as optional."""


def make_plan(profile: Profile, cache: Path) -> Plan:
    """Make the plan of this process and set it for its users."""
    for name, user in profile.users.items():
        USERS[name].weight = user.weight
    PodiumUser.plan = Plan(
        profile=profile,
        clips={name: clip(user.size, cache) for name, user in profile.users.items()},
        tiers={name: in_turn(profile.gateways()) for name in profile.users},
    )
    return PodiumUser.plan


class Worker:
    """The hooks of a worker process: it reports its users' calls to the master."""

    def __init__(self, environment: Locust) -> None:
        self._own = SelfSampler()
        self._options = environment.parsed_options
        self._seconds_per_frame: dict[UserName, float] = {}
        environment.runner.register_message("pace", self._set_pace)

    def begin(self, **_: Any) -> None:
        """Begin; called when the flags of the master have arrived."""
        profile = Profile.model_validate_json(self._options.resolved_profile)
        plan = make_plan(profile, Path(self._options.payloads))
        plan.seconds_per_frame = self._seconds_per_frame  # it may have arrived before
        self._own.start()

    def tell(self, data: dict[str, Any], **_: Any) -> None:
        """Report the new calls; called every three seconds."""
        if hasattr(PodiumUser, "plan"):
            calls, PodiumUser.plan.calls = PodiumUser.plan.calls, []
            data["calls"] = [tuple(call) for call in calls]
            data["load"] = (self._own.name, self._own.take())

    def _set_pace(self, msg: Any, **_: Any) -> None:
        self._seconds_per_frame = msg.data
        if hasattr(PodiumUser, "plan"):
            PodiumUser.plan.seconds_per_frame = self._seconds_per_frame


class Conductor:
    """The hooks of the process that controls the run: shape, metrics, report."""

    def __init__(self, environment: Locust, profile: Profile, prices: Prices) -> None:
        self._environment = environment
        self._profile = profile
        self._prices = prices
        self._distributed = isinstance(environment.runner, MasterRunner)
        self._own = SelfSampler()
        self._plan = make_plan(profile, Path(environment.parsed_options.payloads))
        self._run = Run(profile, time.time())
        self._scraper = Scraper({}, profile.scrape_s)
        environment.runner.register_message("pace", self._set_pace)
        ProfileShape.profile = profile
        ProfileShape.before_level = self._before_level

    def begin(self, **_: Any) -> None:
        """Begin; called before the first user."""
        hosts = [tier.host for tier in self._profile.gateways().values()]
        self._scraper = Scraper(
            {"gateway": ",".join(hosts), **self._profile.services}, self._profile.scrape_s
        )
        self._run = Run(self._profile, time.time(), timeline=self._scraper.timeline)
        self._run.spans = self._environment.shape_class.spans  # the first level may have begun
        self._plan.calls = self._run.calls
        self._own.start()
        self._scraper.start()

    def hear(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        """Take the report of a worker."""
        del client_id
        for row in data.get("calls", ()):
            call = Call(*row)
            self._run.calls.append(call._replace(refusals=tuple(call.refusals)))
        if "load" in data:
            name, samples = data["load"]
            self._run.generator.add(name, [tuple(sample) for sample in samples])

    def end(self, **_: Any) -> None:
        """Write the report and set the exit code; called after the last user."""
        if self._distributed:
            gevent.sleep(REPORT_DELAY_S)
        self._scraper.stop()
        self._run.generator.add(self._own.name, self._own.take())
        self._run.end_s = time.time()
        self._environment.shape_class.close()  # for a run that was stopped early
        self._tell_level()
        options = self._environment.parsed_options
        figures = write_report(self._run, self._prices, Path(options.report))
        self._environment.process_exit_code = 0 if figures.good else 1

    def _before_level(self, level: Level) -> None:
        self._run.spans = self._environment.shape_class.spans
        if level.share_of_capacity is not None and self._distributed:
            gevent.sleep(REPORT_DELAY_S)
        self._tell_level()
        self._environment.runner.send_message("pace", self._run.pace(level))

    def _tell_level(self) -> None:
        """Print one line about the level that has ended."""
        ended = [span for span in self._run.spans if span.end_s]
        if ended:
            row = level_figures(self._run, ended[-1])
            print(  # noqa: T201 - progress for the user
                f"{row.name:>14}: {row.frames_per_s:7.1f} frames/s, p50 {row.p50_ms:.0f} ms, "
                f"p99 {row.p99_ms:.0f} ms, {row.failed} failed",
                flush=True,
            )

    def _set_pace(self, msg: Any, **_: Any) -> None:
        self._plan.seconds_per_frame = msg.data
