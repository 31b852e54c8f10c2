"""Whether media are decoded in processes of their own, and what these may take."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from podium.environment import Group

if TYPE_CHECKING:
    from podium.containment.codecs import ContainedCodecs
    from podium.media.codecs import Codecs, CodecsHere

_log = logging.getLogger("podium.containment")


class CodecsSettings(Group):
    """How media from strangers are decoded."""

    word: ClassVar[str] = "CODECS"

    contained: bool = True
    """Whether media are decoded in processes of their own, which can open no file and reach no
    network; on Linux. Otherwise the service decodes them itself."""

    memory_bytes: int = Field(default=1 << 30, ge=64 << 20)
    """Memory that decoding one medium may take in such a process; 8K video takes 900 MB."""


def codecs_of(
    settings: CodecsSettings, *, idle: int, rest_s: float | None = None
) -> CodecsHere | ContainedCodecs:
    """The codecs that the settings ask for; their processes start at the first use.

    Args:
        settings: Where media are decoded.
        idle: How many idle processes are kept for the next media.
        rest_s: Without media for so long, the last process ends, too; None: it does not.
    """
    # Imported here, because they take 40 MB, and not every service with these settings decodes.
    from podium.containment.codecs import ContainedCodecs
    from podium.media.codecs import CodecsHere

    if settings.contained and sys.platform == "linux":
        return ContainedCodecs(memory_bytes=settings.memory_bytes, idle=idle, rest_s=rest_s)
    if settings.contained:
        _log.warning("media are decoded in this process: it can be contained on Linux alone")
    return CodecsHere()


@contextmanager
def open_codecs(settings: CodecsSettings, *, idle: int) -> Iterator[Codecs]:
    """The codecs that the settings ask for, started, and ended with the block."""
    from podium.containment.codecs import ContainedCodecs

    codecs = codecs_of(settings, idle=idle)
    if isinstance(codecs, ContainedCodecs):
        with codecs:
            yield codecs
    else:
        yield codecs
