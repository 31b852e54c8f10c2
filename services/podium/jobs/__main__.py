"""A controller as a process: ``python -m podium.jobs``; SIGTERM ends it after what it has begun."""

from __future__ import annotations

import logging
import signal
import sys
import threading

from podium.errors import PodiumError
from podium.jobs.controller import Controller
from podium.jobs.settings import JobsSettings, open_environment
from podium.jobs.sql.schema import migrate

_log = logging.getLogger("podium.jobs")


def main() -> int:
    """Run until told to stop; gives the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = JobsSettings()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        env = open_environment(settings)
        migrate.require_current(env.database)
    except PodiumError as error:
        _log.error("%s", error.message)
        return 1
    _log.info("ready")
    Controller(env, workers=settings.workers, steps=settings.steps).run(stop)
    env.database.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
