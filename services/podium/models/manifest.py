"""``model.yaml``, the manifest of a model: all that Podium needs beside the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from podium.errors import SetupError
from podium.skeletons import SKELETONS
from podium.wrong_values import in_plain_words

Task = Literal["detection", "pose2d", "pose3d"]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$", max_length=64)]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$", max_length=128)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

Options = TypeVar("Options", bound=BaseModel)

MANIFEST_FILE = "model.yaml"
MAX_MANIFEST_BYTES = 1 << 20


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Channels = tuple[float, float, float]


class InputSize(_Closed):
    """The input image of the network; Podium's own images are uint8, RGB, channels last."""

    height: int = Field(ge=1, le=4096)
    width: int = Field(ge=1, le=4096)
    color: Literal["rgb", "bgr"] = "rgb"
    layout: Literal["nhwc", "nchw"] = "nhwc"
    """``nhwc``: uint8, normalised inside the graph, as Podium exports networks. ``nchw``: float,
    channels first, as most others do; Podium normalises with ``mean`` and ``std``."""
    mean: Channels = (0, 0, 0)
    """Subtracted from grey levels 0-255, in the order of ``color``. Only with ``nchw``."""
    std: Channels = (1, 1, 1)
    """The difference is divided by it. Only with ``nchw``."""

    @model_validator(mode="after")
    def _normalises_once(self) -> InputSize:
        plain = self.mean == (0, 0, 0) and self.std == (1, 1, 1)
        if self.layout == "nhwc" and not plain:
            raise ValueError("mean and std go with layout nchw; an nhwc graph holds them itself")
        if min(self.std) <= 0:
            raise ValueError("std must be above 0")
        return self


class LetterboxRule(_Closed):
    """How a frame is fitted into a detector's image."""

    anchor: Literal["center", "top_left"] = "center"
    fill: int = Field(0, ge=0, le=255)


class CropRule(_Closed):
    """How a person is cropped for a pose model."""

    border: Literal["constant", "replicate"] = "constant"
    roi_scale: float = Field(1.25, gt=0, le=10)
    """Size of the crop over size of the person's box."""


class Manifest(_Closed):
    """A model of the repository; version 1 of the schema.

    A detector has ``letterbox``; a pose model has ``crop`` and ``skeleton``.
    """

    manifest_version: Literal[1]
    name: Name
    version: int = Field(ge=1)
    family: str
    """Name of the adapter that runs it."""
    tasks: tuple[Task, ...] = Field(min_length=1)
    weights: FileName
    sha256: Sha256
    """Hash of the weights file."""
    precision: Literal["fp32", "fp16", "int8"] = "fp32"
    """Number type of most of the network."""
    input: InputSize
    letterbox: LetterboxRule | None = None
    crop: CropRule | None = None
    skeleton: str | None = None
    thresholds: dict[str, float] = {}
    license: str
    source: str
    """Origin of the weights, for people."""
    options: dict[str, str | int | float | bool] = {}
    """Options of this family."""

    def read_options(self, kind: type[Options]) -> Options:
        """Read ``options`` as a family's class. Raises SetupError, which names the option."""
        try:
            return kind.model_validate(self.options)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, ("options", *first["loc"])))
            raise SetupError(f"{field}: {in_plain_words(first['msg'])}") from None

    @model_validator(mode="after")
    def _fits_its_tasks(self) -> Manifest:
        if "detection" in self.tasks:
            if self.letterbox is None:
                raise ValueError("a detection model needs letterbox")
            if self.input.height != self.input.width:
                raise ValueError("a detection model needs an input with height = width")
        if {"pose2d", "pose3d"} & set(self.tasks):
            if self.crop is None or self.skeleton is None:
                raise ValueError("a pose model needs crop and skeleton")
            if self.skeleton not in SKELETONS:
                raise ValueError(f"skeleton must be one of {', '.join(SKELETONS)}")
        return self


def read_manifest(path: Path) -> Manifest:
    """Read and check a ``model.yaml``.

    Raises:
        SetupError: it is unreadable or wrong; the message names the file and the field.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_MANIFEST_BYTES + 1)
    except OSError as error:
        raise SetupError(f"{path}: cannot be read: {error.strerror}") from error
    return parse_manifest(text, str(path))


def parse_manifest(text: bytes, where: str) -> Manifest:
    """Check the text of a ``model.yaml``; messages begin with ``where``, its origin.

    Raises:
        SetupError: it is wrong; the message names the field.
    """
    try:
        if len(text) > MAX_MANIFEST_BYTES:
            raise SetupError(f"{where}: is larger than 1 MiB; is it a manifest at all?")
        return Manifest.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise SetupError(f"{where}: is not YAML: {reason}") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "manifest"
        raise SetupError(f"{where}: {field}: {in_plain_words(first['msg'])}") from error


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a ``model.yaml`` that ``read_manifest`` reads back."""
    data = manifest.model_dump(mode="json", exclude_none=True)
    path.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True))
