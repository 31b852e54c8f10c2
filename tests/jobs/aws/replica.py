"""A replica of a gateway as a process that can be killed: port and delay as arguments."""

from __future__ import annotations

import sys
import threading
from typing import Any

from tests.support.fake_gateway import fake_gateway

POISON = 200
"""Of the frame batches that begin at a frame 7 after a multiple of this nothing comes."""


def is_poison(start: int) -> bool:
    return start % POISON == 7


def _refuse(body: dict[str, Any], _: int) -> tuple[int, str] | None:
    poison = "results_uri" not in body and is_poison(body["start"])
    return (400, "start: is poison") if poison else None


if __name__ == "__main__":
    with fake_gateway(int(sys.argv[1])) as gateway:
        gateway.delay_s, gateway.fails = float(sys.argv[2]), _refuse
        print("ready", flush=True)
        threading.Event().wait()
