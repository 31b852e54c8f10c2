"""Work in forked processes: results, errors, and ends of all kinds."""

import os
import signal
import time

import pytest

from podium.errors import InvalidInput
from podium.forked import Forked
from podium.postprocess.beside import in_fork, in_thread

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # of other threads


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_results_and_errors_come_back():
    with Forked(os.getpid) as forked:
        assert forked.result() != os.getpid()

    def fails():
        raise InvalidInput("is too large", field="count")

    with Forked(fails) as forked, pytest.raises(InvalidInput, match="count: is too large") as error:
        forked.result()
    assert error.value.field == "count"


def test_a_killed_process_is_an_error():
    with (
        Forked(lambda: os.kill(os.getpid(), signal.SIGKILL)) as forked,
        pytest.raises(ChildProcessError, match="exit code -9"),
    ):
        forked.result()


def test_the_process_ends_with_the_block():
    read, write = os.pipe()

    def sleeps():
        os.write(write, b"%d" % os.getpid())
        time.sleep(600)

    with Forked(sleeps):
        pid = int(os.read(read, 20))
        assert alive(pid)
    assert not alive(pid)


@pytest.mark.parametrize("beside", [in_thread, in_fork])
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


@pytest.mark.parametrize("beside", [in_thread, in_fork])
def test_work_beside_gives_its_result(beside):
    with beside(lambda check: 7, lambda: None) as result:
        assert result() == 7
