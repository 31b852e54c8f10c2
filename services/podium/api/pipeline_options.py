"""Checks options of pipelines when a caller sends them, before any frame is processed."""

from __future__ import annotations

from pydantic import BaseModel

from podium.errors import InvalidInput, Unprocessable
from podium.pipelines.spec import PipelineRequest
from podium.schemas.jobs import JobParameters
from podium.wire.parameters import read_parameters


def check_options(body: BaseModel) -> None:
    """Check the options in a body. Raises Unprocessable, naming the field."""
    for name in type(body).model_fields:
        value = getattr(body, name)
        if isinstance(value, JobParameters):
            _check(value, f"{name}.frames")


def _check(parameters: JobParameters, place: str) -> None:
    try:
        read_parameters(PipelineRequest, parameters.frames, reserved=False)
    except InvalidInput as error:
        field = error.field or ""
        said = error.message.removeprefix(f"{field}: ")
        raise Unprocessable(said, field=f"{place}.{field}".rstrip(".")) from None
