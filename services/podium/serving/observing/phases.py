"""The times of a model's own code and of its engine for one batch."""

from __future__ import annotations

from typing import NamedTuple

from podium.serving.observing.request_context import RequestContext


class EnginePhases(NamedTuple):
    """Seconds of one batch."""

    preprocess_s: float
    infer_s: float
    postprocess_s: float

    def add_to(self, request: RequestContext) -> None:
        """Add them to a request; each request of a batch is charged its whole time."""
        since_s = self.infer_s + self.postprocess_s
        request.add("preprocess", self.preprocess_s, ended_s_ago=since_s)
        request.add("infer", self.infer_s, ended_s_ago=self.postprocess_s)
        request.add("postprocess", self.postprocess_s)
