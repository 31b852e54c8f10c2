"""The interface of a model family, and loading a model by its manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from numpy.typing import NDArray

from podium.engines.session import Session, SessionFactory
from podium.errors import SetupError
from podium.models.families.blazepose_detector import BlazePoseDetector
from podium.models.families.blazepose_landmark import BlazePose2D, BlazePose3D
from podium.models.families.hrnet import Hrnet
from podium.models.families.mppe3d import Mppe3D
from podium.models.families.noop import NoOpDetector, NoOpPose2D, NoOpPose3D
from podium.models.families.rtmdet import Rtmdet
from podium.models.families.simcc import Simcc
from podium.models.families.yolov8 import Yolov8
from podium.models.families.yolox import Yolox
from podium.models.manifest import Manifest, Task
from podium.stages.models import ModelFacts
from podium.wire import TensorSpec


class Adapter(Protocol):
    """A network with its pre- and post-processing; inputs and outputs are those of the stage.

    It keeps no state between calls, computes whole batches, may be called from several threads,
    and returns empty arrays for an empty batch.
    """

    @property
    def inputs(self) -> tuple[TensorSpec, ...]: ...

    @property
    def outputs(self) -> tuple[TensorSpec, ...]: ...

    @property
    def facts(self) -> ModelFacts:
        """The facts that callers need to prepare inputs and to interpret outputs."""
        ...

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Turn tensors that fit ``inputs`` into tensors that fit ``outputs``."""
        ...


Family = Callable[[Manifest, Callable[[], Session]], Adapter]
"""Makes an adapter from a manifest and a function that opens its weights in an engine."""

FAMILIES: Mapping[tuple[str, Task], Family] = MappingProxyType(
    {
        ("yolox", "detection"): lambda m, engine: Yolox(m, engine()),
        ("yolov8", "detection"): lambda m, engine: Yolov8(m, engine()),
        ("rtmdet", "detection"): lambda m, engine: Rtmdet(m, engine()),
        ("hrnet", "pose2d"): lambda m, engine: Hrnet(m, engine()),
        ("simcc", "pose2d"): lambda m, engine: Simcc(m, engine()),
        ("3dmppe", "pose3d"): lambda m, engine: Mppe3D(m, engine()),
        ("blazepose-detector", "detection"): lambda m, engine: BlazePoseDetector(m, engine()),
        ("blazepose-landmark", "pose2d"): lambda m, engine: BlazePose2D(m, engine()),
        ("blazepose-landmark", "pose3d"): lambda m, engine: BlazePose3D(m, engine()),
        ("noop", "detection"): lambda m, _: NoOpDetector(m),
        ("noop", "pose2d"): lambda m, _: NoOpPose2D(m),
        ("noop", "pose3d"): lambda m, _: NoOpPose3D(m),
    }
)


def load_adapter(
    manifest: Manifest, weights: Path, task: Task, session_factory: SessionFactory
) -> Adapter:
    """Load a model for one task.

    Args:
        manifest: Manifest of the model.
        weights: Its weights file, verified.
        task: The task to serve; a model may have several.
        session_factory: Loads the weights into an engine.

    Raises:
        SetupError: the model does not serve the task, its family is unknown, or the weights do
            not fit the family.
    """
    where = f"model {manifest.name}@{manifest.version}"
    if task not in manifest.tasks:
        raise SetupError(f"{where} serves {', '.join(manifest.tasks)}, not {task}")
    family = FAMILIES.get((manifest.family, task))
    if family is None:
        known = ", ".join(name for name, served in FAMILIES if served == task)
        raise SetupError(
            f"{where}: no family {manifest.family!r} serves {task}; those that do: {known}"
        )
    try:
        return family(manifest, lambda: session_factory(weights))
    except SetupError as error:
        raise SetupError(f"{where}: {error.message}") from error
