"""A controller as a process, for tests that kill it: database, folder, gateway as arguments."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from podium.jobs.controller import Controller
from podium.jobs.environment import Environment
from podium.jobs.folder_objects import FolderObjects
from podium.jobs.gateway import HttpTiers
from podium.jobs.signing import Signer
from podium.jobs.sql.database import Database
from tests.support.job_world import WHERE_WORKERS_DIE


def main(database_url: str, folder: str, gateway_url: str) -> None:
    env = Environment(
        database=Database(database_url),
        objects=FolderObjects(Path(folder), Signer(b"s" * 32, "http://127.0.0.1/v1/objects")),
        tiers=HttpTiers(WHERE_WORKERS_DIE),
        gateway_url=gateway_url,
        timing=WHERE_WORKERS_DIE,
    )
    print("ready", flush=True)
    Controller(env, workers=3).run(threading.Event())


if __name__ == "__main__":
    main(*sys.argv[1:])
