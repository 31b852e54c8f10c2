r"""The file for Locust: users and shape of a profile, and a report at the end.

``python -m loadtest`` calls it with the right flags. By hand, over several machines::

    export PYTHONPATH=.
    locust -f loadtest/locustfile.py --load-profile ramp --host http://gateway:8000 \
           --headless --master --expect-workers 2
    locust -f loadtest/locustfile.py --worker --master-host MASTER      # on each other machine

Workers take the profile from the master. Without ``--headless`` there is Locust's web interface.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.runners import WorkerRunner

from loadtest.capacity import PRICES, load_prices
from loadtest.levels import ProfileShape
from loadtest.payloads import CACHE
from loadtest.preflight import require_gateways, require_names
from loadtest.processes import Conductor, Locust, Worker
from loadtest.profile import ProfileError, load_profile
from loadtest.run import NO_RUN, REPORTS
from loadtest.users import (
    USERS,
    BatchVideoUser,
    KinesisConsumerUser,
    LiveFrameUser,
    OipClientUser,
)

__all__ = [  # Locust searches for users here
    "BatchVideoUser",
    "KinesisConsumerUser",
    "LiveFrameUser",
    "OipClientUser",
    "ProfileShape",
]

STOP_TIMEOUT_S = 60.0


@events.init_command_line_parser.add_listener
def add_arguments(parser: LocustArgumentParser) -> None:
    """Add flags to Locust's own."""
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
    """Read the profile and make its payloads; workers wait for the master's profile."""
    if isinstance(environment.runner, WorkerRunner):
        worker = Worker(environment)
        events.test_start.add_listener(worker.begin)
        events.report_to_master.add_listener(worker.tell)
        return
    options = environment.parsed_options
    try:
        profile = load_profile(options.load_profile, options.set)
        if environment.host:
            profile = profile.at(environment.host)
        prices = load_prices(Path(options.prices))
        require_gateways(profile)
        require_names(profile)
    except ProfileError as error:
        sys.exit(f"loadtest: {error}")
    options.resolved_profile = profile.model_dump_json()  # sent to the workers with the flags
    environment.user_classes[:] = [USERS[name] for name in profile.users]
    environment.stop_timeout = environment.stop_timeout or STOP_TIMEOUT_S
    environment.process_exit_code = NO_RUN
    conductor = Conductor(environment, profile, prices)
    events.test_start.add_listener(conductor.begin)
    events.worker_report.add_listener(conductor.hear)
    events.test_stop.add_listener(conductor.end)
