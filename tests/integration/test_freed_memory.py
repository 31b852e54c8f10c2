"""Memory that was freed: frames take the pages of earlier frames."""

import ctypes
import os
import subprocess
import sys

import pytest

from podium.freed_memory import ALLOCATOR, keep_freed

FRESH_PAGES = """if True:
    import threading
    from resource import RUSAGE_SELF, getrusage
    import numpy as np
    from podium.freed_memory import keep_freed

    def work():
        for _ in range(2):
            before = getrusage(RUSAGE_SELF).ru_minflt
            for _ in range(5):
                frames = [np.ones(3 << 20, np.uint8) for _ in range(4)]
                del frames
        print(getrusage(RUSAGE_SELF).ru_minflt - before)

    {first}
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
"""


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc"
)
def test_frames_take_the_pages_of_earlier_frames():
    own = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    pages = {}
    for first in ("pass", "keep_freed()"):
        code = FRESH_PAGES.format(first=first)
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=own
        )
        pages[first] = int(done.stdout)
    assert pages["keep_freed()"] < 100 < pages["pass"]


def test_settings_in_the_environment_have_precedence(monkeypatch):
    asked = []
    monkeypatch.setattr(ctypes, "CDLL", lambda _: type("Glibc", (), {"mallopt": asked.append}))
    for name in ALLOCATOR:
        monkeypatch.setenv(name, "1")
    keep_freed()
    assert not asked
