"""Records what an adapter feeds its engine, for measurements and calibration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from podium.engines.session import Session
from podium.wire import TensorSpec

Feeds = dict[str, NDArray[Any]]


class RecordingSession:
    """A session that can record its feeds.

    Args:
        session: Does the work.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._recording = False
        self._calls: list[Feeds] = []

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return self._session.inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        return self._session.outputs

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Compute every output."""
        if self._recording:
            self._calls.append({name: np.ascontiguousarray(feed) for name, feed in feeds.items()})
        return self._session.run(feeds)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record the feeds of all calls while the block runs."""
        self._recording = True
        try:
            yield
        finally:
            self._recording = False

    def take(self) -> list[Feeds]:
        """Return the recorded feeds and forget them."""
        calls, self._calls = self._calls, []
        return calls
