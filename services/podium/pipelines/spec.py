"""The schema of a pipeline, for YAML files, ConfigMaps and custom resources."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from podium.athletes import Athlete, AthleteText
from podium.errors import SetupError
from podium.schemas.intrinsics import Intrinsics
from podium.wire.parameters import explain

API_VERSION: Literal["podium.dev/v1alpha1"] = "podium.dev/v1alpha1"
SHIPPED = Path(__file__).parent / "shipped"

ModelName = Annotated[
    str, Field(pattern=r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?(@[A-Za-z0-9._-]+)?$", max_length=128)
]


class _Closed(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


Tiles = Literal["never", "auto", "always"]
Regions = Literal["interpolated", "sequential"]


class DetectionStep(_Closed):
    """How persons are found."""

    model: ModelName
    """Detector, ``name`` or ``name@version``."""

    stride: int = Field(default=4, ge=1, le=64)
    """Detect on every Nth frame and interpolate between."""

    tiles: Tiles = "auto"
    """Search again in overlapping squares of the frame: when nobody or only a small person is
    found (auto), on every detection frame, or never."""

    min_score: float = Field(default=0.5, ge=0, le=1)
    """Detections below it are dropped."""

    max_persons: int = Field(default=8, ge=1, le=64)
    """Persons per detection frame that go on to the pose stage, the surest first."""


class PoseStep(_Closed):
    """How poses are estimated."""

    stage: Literal["pose2d", "pose3d"]
    """The service that runs the model."""

    model: ModelName
    """Pose model, ``name`` or ``name@version``."""

    min_presence: float = Field(default=0.5, ge=0, le=1)
    """Crops that show a person with less probability are dropped (models that say so)."""

    regions: Regions = "interpolated"
    """Where to crop between detections: at regions interpolated from the poses around, all frames
    of a chunk at once; or, sequential, where the frame before saw the person, frame by frame."""


class AthletesStep(_Closed):
    """Whom to keep of those found."""

    select: AthleteText = "all"
    """Whom to keep: all, largest, longest, most_displacement or nearest:x,y. A request may ask for
    another."""

    max_persons: int = Field(default=8, ge=1, le=64)
    """Most persons per answer."""


class PressureStep(_Closed):
    """What to do more cheaply while the services are busy; the answer says so in ``degraded``."""

    after_ms: float = Field(default=500, ge=1, le=600_000)
    """Holds for frames that have waited longer than this for their turn."""

    stride: int | None = Field(default=None, ge=1, le=64)
    """Detect on every Nth frame, unless the request says which; no effect below the usual
    stride."""

    pose_model: ModelName | None = None
    """A lighter pose model with the same skeleton, ``name`` or ``name@version``."""


class PipelineSpec(_Closed):
    """What a pipeline does."""

    description: str = Field(default="", max_length=1000)
    """One or two sentences for people."""

    detection: DetectionStep
    pose: PoseStep
    athletes: AthletesStep = AthletesStep()
    under_pressure: PressureStep | None = None


class Metadata(BaseModel):
    """The part of Kubernetes object metadata that a pipeline uses; the rest is ignored."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)


class Pipeline(_Closed):
    """A pipeline document."""

    api_version: Literal["podium.dev/v1alpha1"] = API_VERSION
    kind: Literal["Pipeline"] = "Pipeline"
    metadata: Metadata
    spec: PipelineSpec

    @property
    def name(self) -> str:
        """The name in its endpoint."""
        return self.metadata.name


class PipelineRequest(_Closed):
    """The options of one request; their defaults come from the pipeline."""

    model_config = ConfigDict(alias_generator=None)

    start: int = Field(default=0, ge=0, le=2**40)
    """First frame, counted from 0 in presentation order."""

    count: int | None = Field(default=None, ge=1, le=2**40)
    """Frames to answer; all that follow when left out."""

    step: int = Field(default=1, ge=1, le=10_000)
    """Take every Nth frame."""

    capture_fps: float | None = Field(default=None, gt=0, le=100_000)
    """Frames per second at which it was filmed, of slow motion that plays slower: times are those
    of filming. Left out: as its metadata say."""

    stride: int | None = Field(default=None, ge=1, le=64)
    """Detect on every Nth of the taken frames."""

    tiles: Tiles | None = None
    """When to search again in tiles of the frame: never, auto or always."""

    regions: Regions | None = None
    """Where to crop between detections: interpolated or sequential."""

    athlete: Athlete | None = None
    """Whom to keep: all, largest, longest, most_displacement or nearest:x,y."""

    max_persons: int | None = Field(default=None, ge=1, le=64)
    """Most persons to keep."""

    intrinsics: Intrinsics | None = None
    """Focal lengths and centre of the camera in pixels, fx,fy,cx,cy; models that place persons in
    metres in front of it use them."""


def load_pipelines(folders: Iterable[Path]) -> dict[str, Pipeline]:
    """Read every ``*.yaml`` of some folders; a name in a later folder replaces an earlier one.

    Raises:
        SetupError: a file is not a valid pipeline; the message names the file and the field.
    """
    pipelines: dict[str, Pipeline] = {}
    for folder in folders:
        if not folder.is_dir():
            raise SetupError(f"PODIUM_GATEWAY_PIPELINES: {folder} is not a folder")
        for path in sorted(folder.glob("*.yaml")):
            pipeline = read_pipeline(path.read_text(), source=str(path))
            pipelines[pipeline.name] = pipeline
    return pipelines


def shipped_and(folder: Path | None) -> dict[str, Pipeline]:
    """The shipped pipelines, and those of a folder, which replace them. Raises SetupError."""
    return load_pipelines([SHIPPED] if folder is None else [SHIPPED, folder])


def read_pipeline(text: str, *, source: str) -> Pipeline:
    """Read one YAML document. Raises SetupError naming ``source`` and the field."""
    try:
        return Pipeline.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise SetupError(f"{source}: is not valid YAML ({error})") from None
    except ValidationError as error:
        raise SetupError(f"{source}: {': '.join(explain(error))}") from None
