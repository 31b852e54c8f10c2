r"""What Locust runs: users and shape of a profile, and a report at the end.

``python -m loadtest`` calls it with the right flags. By hand, over several machines::

    export PYTHONPATH=.
    locust -f loadtest/locustfile.py --load-profile ramp --host http://gateway:8000 \
           --headless --master --expect-workers 2
    locust -f loadtest/locustfile.py --worker --master-host MASTER      # on each other machine

Workers take the profile from the master. Without ``--headless`` there is Locust's web interface.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import gevent
from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.runners import MasterRunner, WorkerRunner

from loadtest.calls import Call
from loadtest.capacity import PRICES, Prices, load_prices
from loadtest.curve import level_figures
from loadtest.generator import SelfSampler
from loadtest.levels import ProfileShape
from loadtest.payloads import CACHE, clip
from loadtest.preflight import require_gateways
from loadtest.profile import Level, Profile, ProfileError, UserName, in_turn, load_profile
from loadtest.report import write_report
from loadtest.run import REPORT_DELAY_S, REPORTS, Run
from loadtest.scrape import Scraper
from loadtest.users import (
    USERS,
    BatchVideoUser,
    KinesisConsumerUser,
    LiveFrameUser,
    OipClientUser,
    Plan,
    PodiumUser,
)

__all__ = [  # Locust looks for them here
    "BatchVideoUser",
    "KinesisConsumerUser",
    "LiveFrameUser",
    "OipClientUser",
    "ProfileShape",
]

Locust = Any
"""Its environment, whose types say of everything that hooks need that it may be missing."""

STOP_TIMEOUT_S = 60.0
NO_REPORT = 2


@events.init_command_line_parser.add_listener
def add_arguments(parser: LocustArgumentParser) -> None:
    """Flags beside Locust's own."""
    for flag, default, text in (
        ("--load-profile", "local", "shipped profile, or a file"),
        ("--report", str(REPORTS / "run"), "folder for the report"),
        ("--prices", str(PRICES), "prices file"),
        ("--payloads", str(CACHE), "folder in which clips are kept"),
    ):
        parser.add_argument(flag, default=default, help=text, include_in_web_ui=False)
    parser.add_argument(
        "--set", action="append", default=[], help="FIELD=VALUE", include_in_web_ui=False
    )


@events.init.add_listener
def prepare(environment: Locust, **_: Any) -> None:
    """Read the profile, make its payloads; workers wait for what the master says."""
    if isinstance(environment.runner, WorkerRunner):
        worker = Worker(environment)
        events.test_start.add_listener(worker.begin)
        events.report_to_master.add_listener(worker.tell)
        return
    options = environment.parsed_options
    try:
        profile = load_profile(options.load_profile, options.set)
        if environment.host:
            profile = profile.model_copy(update={"host": environment.host})
        prices = load_prices(Path(options.prices))
        require_gateways(profile)
    except ProfileError as error:
        sys.exit(f"loadtest: {error}")
    options.resolved_profile = profile.model_dump_json()  # goes to the workers with the flags
    environment.user_classes[:] = [USERS[name] for name in profile.users]
    environment.stop_timeout = environment.stop_timeout or STOP_TIMEOUT_S
    environment.process_exit_code = NO_REPORT
    conductor = Conductor(environment, profile, prices)
    events.test_start.add_listener(conductor.begin)
    events.worker_report.add_listener(conductor.hear)
    events.test_stop.add_listener(conductor.end)


def make_plan(profile: Profile, cache: Path) -> Plan:
    """Tell the users of this process what to do."""
    for name, user in profile.users.items():
        USERS[name].weight = user.weight
    PodiumUser.plan = Plan(
        profile=profile,
        clips={name: clip(user.size, cache) for name, user in profile.users.items()},
        tiers={name: in_turn(profile.gateways()) for name in profile.users},
    )
    return PodiumUser.plan


class Worker:
    """The part of a worker process: it tells the master what its users did."""

    def __init__(self, environment: Locust) -> None:
        self._own = SelfSampler()
        self._options = environment.parsed_options
        self._seconds_per_frame: dict[UserName, float] = {}
        environment.runner.register_message("pace", self._set_pace)

    def begin(self, **_: Any) -> None:
        """The flags of the master are there."""
        profile = Profile.model_validate_json(self._options.resolved_profile)
        plan = make_plan(profile, Path(self._options.payloads))
        plan.seconds_per_frame = self._seconds_per_frame  # it may come first
        self._own.start()

    def tell(self, data: dict[str, Any], **_: Any) -> None:
        """Every three seconds."""
        if hasattr(PodiumUser, "plan"):
            calls, PodiumUser.plan.calls = PodiumUser.plan.calls, []
            data["calls"] = [tuple(call) for call in calls]
            data["load"] = (self._own.name, self._own.take())

    def _set_pace(self, msg: Any, **_: Any) -> None:
        self._seconds_per_frame = msg.data
        if hasattr(PodiumUser, "plan"):
            PodiumUser.plan.seconds_per_frame = self._seconds_per_frame


class Conductor:
    """The part of the one process that knows the whole run: shape, metrics, report."""

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
        """Before the first user."""
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
        """What a worker's users did."""
        del client_id
        for row in data.get("calls", ()):
            call = Call(*row)
            self._run.calls.append(call._replace(refusals=tuple(call.refusals)))
        if "load" in data:
            name, samples = data["load"]
            self._run.generator.add(name, [tuple(sample) for sample in samples])

    def end(self, **_: Any) -> None:
        """After the last user: the report, and whether all was well."""
        if self._distributed:
            gevent.sleep(REPORT_DELAY_S)
        self._scraper.stop()
        self._run.generator.add(self._own.name, self._own.take())
        self._run.end_s = time.time()
        self._environment.shape_class.close()  # when it was cut short
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
        """One line of progress for the level that has ended."""
        ended = [span for span in self._run.spans if span.end_s]
        if ended:
            row = level_figures(self._run, ended[-1])
            print(  # noqa: T201 - for whoever waits
                f"{row.name:>14}: {row.frames_per_s:7.1f} frames/s, p50 {row.p50_ms:.0f} ms, "
                f"p99 {row.p99_ms:.0f} ms, {row.failed} failed",
                flush=True,
            )

    def _set_pace(self, msg: Any, **_: Any) -> None:
        self._plan.seconds_per_frame = msg.data
