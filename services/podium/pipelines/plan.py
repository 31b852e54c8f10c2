"""The steps of a chunk, after the request's overrides and the load policy."""

from __future__ import annotations

from dataclasses import dataclass

from podium.errors import StageFailed
from podium.pipelines.model_facts import Models, describe
from podium.pipelines.spec import DetectionStep, PipelineRequest, PipelineSpec, PoseStep
from podium.stages import Stages


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of one chunk, with the facts of their models."""

    detection: DetectionStep
    pose: PoseStep
    models: Models
    savings: tuple[str, ...] = ()  # what is done more cheaply than usual, in words for people

    @property
    def model_names(self) -> dict[str, str]:
        """Stage -> name@version."""
        return self.models.names(self.pose.stage)


@dataclass(frozen=True, slots=True)
class Plans:
    """The usual plan, and the cheaper one if the pipeline has ``underPressure``."""

    usual: Plan
    cheaper: Plan | None = None
    cheaper_after_s: float = 0.0

    def after(self, waited_s: float) -> Plan:
        """The plan of a chunk that has waited ``waited_s`` for its turn."""
        if self.cheaper is not None and waited_s > self.cheaper_after_s:
            return self.cheaper
        return self.usual


async def make_plans(stages: Stages, spec: PipelineSpec, request: PipelineRequest) -> Plans:
    """Make the plans of a request, with facts from the model services.

    Raises:
        Unavailable: models are missing; names all of them.
        StageFailed: the lighter pose model has another skeleton than the usual one.
    """
    wanted = {"stride": request.stride, "tiles": request.tiles}
    given = {name: value for name, value in wanted.items() if value is not None}
    pose = spec.pose
    if request.regions is not None:
        pose = pose.model_copy(update={"regions": request.regions})
    usual = await _plan(stages, spec.detection.model_copy(update=given), pose)
    policy = spec.under_pressure
    if policy is None:
        return Plans(usual)
    savings: list[str] = []
    detection, pose = usual.detection, usual.pose
    if request.stride is None and policy.stride is not None and policy.stride > detection.stride:
        detection = detection.model_copy(update={"stride": policy.stride})
        savings.append(f"persons were searched for on every {policy.stride}th frame only")
    if policy.pose_model is not None:
        pose = pose.model_copy(update={"model": policy.pose_model})
        savings.append(f"{policy.pose_model} stood in for {usual.pose.model}")
    if not savings:
        return Plans(usual)
    cheaper = await _plan(stages, detection, pose, tuple(savings))
    if cheaper.models.pose.skeleton != usual.models.pose.skeleton:
        raise StageFailed(
            f"underPressure.poseModel: {policy.pose_model} has the skeleton "
            f"{cheaper.models.pose.skeleton}, {usual.pose.model} has {usual.models.pose.skeleton}"
        )
    return Plans(usual, cheaper, policy.after_ms / 1e3)


async def _plan(
    stages: Stages, detection: DetectionStep, pose: PoseStep, savings: tuple[str, ...] = ()
) -> Plan:
    return Plan(detection, pose, await describe(stages, detection, pose), savings)
