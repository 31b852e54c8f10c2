"""Asks the model services for the facts of a pipeline's models, so that it need only name them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from podium.errors import NotFound, Unavailable
from podium.models.published import how_to_get
from podium.pipelines.spec import DetectionStep, PoseStep
from podium.skeletons import skeleton
from podium.stages import Stages
from podium.stages.detection import DetectorFacts
from podium.stages.pose import PoseFacts

F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Models:
    """Detector and pose model of one pipeline."""

    detector: DetectorFacts
    pose: PoseFacts

    @property
    def judges_presence(self) -> bool:
        """Whether the pose model can tell that a crop shows nobody."""
        return self.pose.presence_threshold is not None

    @property
    def joint_count(self) -> int:
        """J, the number of key points."""
        return len(skeleton(self.pose.skeleton))

    def names(self, pose_stage: str) -> dict[str, str]:
        """Stage -> name@version."""
        return {"detection": self.detector.reference, pose_stage: self.pose.reference}


async def describe(stages: Stages, detection: DetectionStep, pose: PoseStep) -> Models:
    """Ask the model services for the facts of both models.

    Raises:
        Unavailable: a model is not served; names all missing models and how to get each.
    """
    pose_stage = stages.pose3d if pose.stage == "pose3d" else stages.pose2d
    missing: list[str] = []

    async def ask(stage: str, describe: Callable[[str], Awaitable[F]], model: str) -> F | None:
        try:
            return await describe(model)
        except NotFound:
            how = how_to_get(model.partition("@")[0])
            missing.append(f"{model} is not served by {stage} ({how})")
            return None

    detector = await ask("detection", stages.detection.describe, detection.model)
    estimator = await ask(pose.stage, pose_stage.describe, pose.model)
    if detector is None or estimator is None:
        raise Unavailable(f"the pipeline lacks models: {'; '.join(missing)}")
    return Models(detector, estimator)
