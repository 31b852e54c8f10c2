"""What the models of a pipeline say of themselves, so that a pipeline need only name them."""

from __future__ import annotations

from dataclasses import dataclass

from podium.errors import NotFound, StageFailed, Unavailable
from podium.models.published import how_to_get
from podium.pipelines.spec import DetectionStep, PoseStep
from podium.skeletons import skeleton
from podium.stages import Stages
from podium.types import CropSpec, Letterbox, ModelFacts


@dataclass(frozen=True, slots=True)
class Models:
    """Detector and pose model of one pipeline."""

    detector: ModelFacts
    pose: ModelFacts

    @property
    def letterbox(self) -> Letterbox:
        """What the detector wants to see."""
        facts = self.detector.parameters
        return Letterbox(
            int(_fact(self.detector, "letterbox_size")),
            "top_left" if facts.get("letterbox_anchor") == "top_left" else "center",
            int(facts.get("letterbox_fill", 0)),
        )

    @property
    def crop(self) -> CropSpec:
        """What the pose model wants to see."""
        return CropSpec(
            int(_fact(self.pose, "crop_height")),
            int(_fact(self.pose, "crop_width")),
            "replicate" if self.pose.parameters.get("crop_border") == "replicate" else "constant",
        )

    @property
    def needs_camera(self) -> bool:
        """Whether the pose model wants boxes and intrinsics."""
        return bool(self.pose.parameters.get("needs_camera", False))

    @property
    def judges_presence(self) -> bool:
        """Whether the pose model says of a crop that it shows nobody."""
        return "presence_threshold" in self.pose.parameters

    @property
    def skeleton(self) -> str:
        """Name of the key point set."""
        return str(_fact(self.pose, "skeleton"))

    @property
    def joint_count(self) -> int:
        """J."""
        return len(skeleton(self.skeleton))

    def names(self, pose_stage: str) -> dict[str, str]:
        """Stage -> name@version."""
        return {
            "detection": f"{self.detector.name}@{self.detector.version}",
            pose_stage: f"{self.pose.name}@{self.pose.version}",
        }


async def describe(stages: Stages, detection: DetectionStep, pose: PoseStep) -> Models:
    """Ask the model services.

    Raises:
        Unavailable: they do not serve a model; names all of these, and how to get each.
    """
    pose_stage = stages.pose3d if pose.stage == "pose3d" else stages.pose2d
    found, missing = [], []
    for name, stage, model in (
        ("detection", stages.detection, detection.model),
        (pose.stage, pose_stage, pose.model),
    ):
        try:
            found.append(await stage.describe(model))
        except NotFound:
            how = how_to_get(model.partition("@")[0])
            missing.append(f"{model} is not served by {name} ({how})")
    if missing:
        raise Unavailable(f"the pipeline lacks models: {'; '.join(missing)}")
    return Models(*found)


def _fact(model: ModelFacts, key: str) -> str | int | float | bool:
    if key not in model.parameters:
        raise StageFailed(f"model {model.name}: its metadata lacks the parameter {key}")
    return model.parameters[key]
