"""Inputs made by number: a few in every run of the tests, any count by ``make fuzz``."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path
from random import Random

EXAMPLES = int(os.environ.get("PODIUM_FUZZ_EXAMPLES", "0"))
FIRST = int(os.environ.get("PODIUM_FUZZ_FIRST", "0"))
MOST_FINDS = 10
MOST_GROWTH_BYTES = 100 << 20
"""What this process may hold more at the end than after a tenth of the inputs."""


def campaign(check: Callable[[Random], None], few: int = 300) -> None:
    """Call ``check`` with one source of random choices for each input.

    Args:
        check: Makes an input and tries it; raises if something is wrong.
        few: Number of inputs where none is given: what takes two seconds.

    Raises:
        ExceptionGroup: the first finds, each with a note that says how to make its input again.
    """
    finds: list[Exception] = []
    last = FIRST + (EXAMPLES or few)
    settled, held = FIRST + (last - FIRST) // 10, 0
    for number in range(FIRST, last):
        try:
            check(Random(number))  # noqa: S311 - no secret
        except Exception as error:
            error.add_note(f"again: PODIUM_FUZZ_FIRST={number} PODIUM_FUZZ_EXAMPLES=1")
            finds.append(error)
            if len(finds) == MOST_FINDS:
                break
        if number == settled:
            held = resident_bytes()
        if (number + 1) % 1000 == 0:
            print(f"{number + 1} inputs, {len(finds)} finds", flush=True)
    if finds:
        raise ExceptionGroup(f"{len(finds)} finds", finds)
    assert resident_bytes() - held < MOST_GROWTH_BYTES


def resident_bytes(process: int | str = "self") -> int:
    """Memory of a process, of this one where none is given."""
    pages = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()
