"""Work in forked processes: results, errors, and ends of all kinds."""

import errno
import os
import signal
import time

import pytest
from pydantic import TypeAdapter

from podium.errors import InvalidInput, SetupError, TooLarge
from podium.forked import Forked
from podium.postprocess.beside import in_fork, in_thread

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # of other threads
NOTHING = TypeAdapter(None)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_results_come_back():
    with Forked(os.getpid, TypeAdapter(int)) as forked:
        assert forked.result() != os.getpid()


@pytest.mark.parametrize(
    "error",
    [
        InvalidInput("is too large", field="count"),
        TooLarge("the limit is 7", field="frames"),
        InvalidInput("nothing was sent"),
        SetupError("there are no models"),
        PermissionError(errno.EACCES, "Permission denied", "overlay.mp4"),
        OSError(errno.ENOSPC, "No space left on device"),
    ],
    ids=repr,
)
def test_errors_come_back(error):
    def fails():
        raise error

    with Forked(fails, NOTHING) as forked, pytest.raises(type(error).__mro__[0]) as found:
        forked.result()
    assert str(found.value) == str(error)
    assert getattr(found.value, "field", None) == getattr(error, "field", None)


def test_errors_that_nobody_expects_come_back_with_their_traceback():
    def fails():
        return {}["left foot"]

    with (
        Forked(fails, NOTHING) as forked,
        pytest.raises(RuntimeError, match="KeyError: 'left foot'"),
    ):
        forked.result()


def test_a_killed_process_is_an_error():
    with (
        Forked(lambda: os.kill(os.getpid(), signal.SIGKILL), NOTHING) as forked,
        pytest.raises(ChildProcessError, match="exit code -9"),
    ):
        forked.result()


def test_the_process_ends_with_the_block():
    read, write = os.pipe()

    def sleeps():
        os.write(write, b"%d" % os.getpid())
        time.sleep(600)

    with Forked(sleeps, NOTHING):
        pid = int(os.read(read, 20))
        assert alive(pid)
    assert not alive(pid)


@pytest.mark.parametrize("beside", [in_thread, in_fork(int)])
def test_work_beside_other_work_ends_when_that_fails(beside):
    """Also while its result is waited for."""

    def works(check):
        while True:
            check()
            time.sleep(0.01)

    class StopError(Exception):
        pass

    asked = []

    def check():
        asked.append(None)
        if len(asked) > 3:
            raise StopError

    with pytest.raises(StopError), beside(works, check) as result:
        result()
    with pytest.raises(StopError), beside(works, lambda: None):
        raise StopError


@pytest.mark.parametrize("beside", [in_thread, in_fork(int)])
def test_work_beside_gives_its_result(beside):
    with beside(lambda check: 7, lambda: None) as result:
        assert result() == 7
