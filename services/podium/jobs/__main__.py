"""``python -m podium.jobs``: runs a controller; with ``migrate``, migrates the database.

After SIGTERM a controller finishes the work that it has begun.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from contextlib import ExitStack, closing
from dataclasses import replace

from prometheus_client import CollectorRegistry, ProcessCollector
from pydantic import ValidationError

from podium.environment import explain_settings
from podium.errors import PodiumError, SetupError
from podium.jobs.controller import Controller
from podium.jobs.environment import Environment
from podium.jobs.observing.metrics import MeteredLog, WorkCollector
from podium.jobs.observing.monitor import monitor
from podium.jobs.settings import JobsSettings, open_environment
from podium.jobs.sql.schema.revision import require_current
from podium.serving.observing.logs import JsonFormatter
from podium.with_parent import WITH_PARENT, stop_with_parent

_log = logging.getLogger("podium.jobs")

_SILENT_S = 120.0
"""A controller that has not looked for work for this long counts as dead. It is longer than a
controller waits for a database that does not answer."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m podium.jobs",
        description="Runs jobs, or migrates their database. Settings: PODIUM_JOBS_...",
    )
    parser.add_argument(
        "verb",
        nargs="?",
        default="run",
        choices=["run", "migrate"],
        help="run: run a controller until it is told to stop (the default); "
        "migrate: bring the schema of the database to this version",
    )
    parser.add_argument(WITH_PARENT, action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    handler = logging.StreamHandler()  # to stderr: stdout may have the operational log
    handler.setFormatter(JsonFormatter("jobs"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    if asked.with_parent:
        stop_with_parent()
    try:
        settings = JobsSettings()
        with closing(open_environment(settings)) as env:
            env.database.check()
            if asked.verb == "migrate":
                from podium.jobs.sql.schema import migrate

                migrate.upgrade(env.database)
                _log.info("the database is at the schema of this version")
            else:
                _run(env, settings)
    except ValidationError as error:
        _log.error("%s", explain_settings(error, JobsSettings))
        return 1
    except PodiumError as error:
        _log.error("%s", error.message)
        return 1
    return 0


def _run(env: Environment, settings: JobsSettings) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    require_current(env.database)
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(WorkCollector(env.database, env.now))
    env = replace(env, log=MeteredLog(env.log, registry))
    controller = Controller(env, workers=settings.workers, steps=settings.steps)
    with ExitStack() as stack:
        if settings.port is not None:
            try:
                stack.enter_context(
                    monitor(
                        settings.host,
                        settings.port,
                        registry,
                        lambda: controller.silent_s() < _SILENT_S,
                    )
                )
            except OSError as error:
                raise SetupError(
                    f"PODIUM_JOBS_PORT: cannot listen on port {settings.port} ({error.strerror})"
                ) from None
        _log.info("ready")
        controller.run(stop)


if __name__ == "__main__":
    sys.exit(main())
