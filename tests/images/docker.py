"""The Docker Engine of this machine, by its command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SERVICES = ("gateway", "decode", "detection", "pose2d", "pose3d", "postprocess")
IMAGES = (*SERVICES, "jobs")
"""The image of jobs is api, controller and migration."""
LOCKS = {"detection": "engine-cpu", "pose2d": "engine-cpu", "pose3d": "engine-cpu"}
"""Services whose lock is not called as they are."""

RESTRICTED = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")


class NoDocker(Exception):
    """There is no Docker Engine; the message says what is missing."""


@dataclass(frozen=True)
class Docker:
    """Commands of the client ``program``."""

    program: str

    def __call__(self, *arguments: str) -> str:
        """What a command prints. Fails with what it has to say."""
        return _output([self.program, *arguments])

    def inspect(self, name: str) -> dict[str, Any]:
        """An image or a container."""
        found: list[dict[str, Any]] = json.loads(self("inspect", name))
        return found[0]

    def python(self, image: str, code: str, *options: str) -> str:
        """Run Python in a container as restricted as those of a cluster, and without network."""
        entrypoint = ("--network=none", "--entrypoint=python")
        return self("run", "--rm", *RESTRICTED, *entrypoint, *options, image, "-c", code)


@dataclass(frozen=True)
class Compose:
    """One project of Docker Compose."""

    command: tuple[str, ...]
    file: Path
    project: str
    environment: dict[str, str]

    def __call__(self, *arguments: str) -> str:
        """What a command prints. Fails with what it has to say."""
        own = ("--file", str(self.file), "--project-name", self.project)
        return _output([*self.command, *own, *arguments], self.environment)


def find_docker() -> Docker:
    """The client that ``DOCKER`` names, or ``docker``. Raises NoDocker."""
    program = shutil.which(os.environ.get("DOCKER") or "docker")
    if program is None:
        raise NoDocker("there is no docker command")
    docker = Docker(program)
    try:
        docker("info")
    except AssertionError as error:
        raise NoDocker(f"no Docker Engine answers: {str(error).splitlines()[-1]}") from None
    return docker


def find_compose(docker: Docker) -> tuple[str, ...]:
    """The command of Docker Compose, version 2 or later. Raises NoDocker."""
    command = (docker.program, "compose")
    try:
        _output([*command, "version"])
    except AssertionError:
        raise NoDocker("there is no plugin docker compose") from None
    return command


def _output(command: list[str], environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command,
        env=None if environment is None else {**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout
