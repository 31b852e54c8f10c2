"""Fixtures that several folders share: data, models, and the six services as processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.local.stack import Stack

ROOT = Path(__file__).parent.parent
CLIP = ROOT / "services/podium/lab/athlete/clips/sprint.mp4"

# Tests stop programs as Ctrl-C and a closed terminal do; what is started in the background of a
# shell script, or by nohup, ignores both, and so do its children.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Unit tests come last: their files are short, so that two workers end together."""
    items.sort(key=lambda item: ROOT / "tests" / "unit" in item.path.parents)


@pytest.fixture(autouse=True)
def usual_scheduling() -> Iterator[None]:
    """The default policy of the kernel, which processes that tests start inherit.

    SVT-AV1, an encoder, puts the thread that opens it under a real-time policy where it may: all
    that is started afterwards would keep other processes from running.
    """
    _schedule_as_usual()
    yield
    _schedule_as_usual()


def _schedule_as_usual() -> None:
    if hasattr(os, "SCHED_FIFO") and os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real weights, pictures and a clip that the project does not contain."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared data folder is not beside the checkout")
    return folder


@pytest.fixture(scope="session")
def model_repository() -> Path:
    """The default models, pulled if they are not there."""
    folder = Path(os.environ.get("PODIUM_MODELS") or ROOT / "models").absolute()
    if not (folder / "blazepose-landmark").is_dir():
        command = [sys.executable, "-m", "podium", "models", "pull", "blazepose"]
        subprocess.run([*command, "--repository", str(folder)], check=True)
    return folder


@pytest.fixture(scope="session")
def clip() -> Path:
    """The bundled clip of the rendered athlete, 60 frames of 1280x720."""
    return CLIP


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[str]:
    """The address of a server, which every test that asks for one shares."""
    from tests.support.mariadb import is_installed, mariadb

    if not is_installed():
        pytest.skip("mariadbd is not installed (Debian's package mariadb-server)")
    with mariadb() as address:
        yield address


@pytest.fixture
def mariadb_url(mariadb_server: str) -> str:
    """The address of an empty database of MariaDB."""
    from tests.support.mariadb import empty_database

    return empty_database(mariadb_server)


@pytest.fixture(scope="session")
def results_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the services of ``stack`` may write to."""
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="session")
def stack(
    model_repository: Path, results_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """The six services as processes on loopback, shared by all tests that do no harm to them."""
    readable = [CLIP.parent, results_root, tmp_path_factory.getbasetemp()]
    if (ROOT.parent / "shared" / "data").is_dir():
        readable.append(ROOT.parent / "shared" / "data")
    with Stack(models=model_repository, read_roots=readable, write_roots=[results_root]) as stack:
        yield stack
