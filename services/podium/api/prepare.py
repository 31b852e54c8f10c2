"""``python -m podium.api.prepare``: a project, the shipped pipelines and the first key.

The key is written only to standard output: run this in a terminal, where nothing logs it.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import closing

from pydantic import ValidationError

from podium.environment import explain_settings
from podium.errors import PodiumError
from podium.jobs.environment import Environment
from podium.jobs.principal import SYSTEM
from podium.jobs.settings import JobsSettings, open_environment
from podium.jobs.sql import first_start
from podium.jobs.sql.schema import migrate
from podium.pipelines.spec import shipped_and
from podium.schemas.objects import NewApiKey


def prepare(env: Environment, *, new_admin_key: bool = False) -> NewApiKey | None:
    """Migrate the database; create the project, pipelines and key that a new installation lacks.

    Args:
        env: Has the database.
        new_admin_key: Whether to create another key in any case, after a key was lost.

    Returns:
        The new key, whose secret is not stored; None if a valid admin key exists.
    """
    migrate.upgrade(env.database)
    pipelines = {name: each.spec.description for name, each in shipped_and(None).items()}
    return env.database.write(
        SYSTEM,
        lambda session: first_start.prepare(
            session, pipelines, env.now(), new_admin_key=new_admin_key
        ),
    )


def main(arguments: list[str] | None = None) -> int:
    """Prepare the installation of the settings; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m podium.api.prepare",
        description="Makes a project, the shipped pipelines and an admin key where there is none.",
    )
    parser.add_argument(
        "--new-admin-key", action="store_true", help="make another admin key: the others still hold"
    )
    options = parser.parse_args(arguments)
    try:
        with closing(open_environment(JobsSettings())) as env:
            env.database.check()
            key = prepare(env, new_admin_key=options.new_admin_key)
    except ValidationError as error:
        return _fail(explain_settings(error, JobsSettings))
    except PodiumError as error:
        return _fail(error.message)
    if key is None:
        said = "there is an admin key already; --new-admin-key makes another"
    else:
        said = f"admin key, shown this once:\n{key.secret}"
    sys.stdout.write(said + "\n")
    return 0


def _fail(message: str) -> int:
    sys.stderr.write(message + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
