"""Stages in the gateway's own process; the only module where a service imports others."""

from __future__ import annotations

from typing import TypeVar, cast

from pydantic import ValidationError

from podium.environment import Settings, explain_settings
from podium.errors import SetupError
from podium.models.manifest import Task
from podium.serving.hosting.here import Hosted
from podium.serving.observing.telemetry import Metrics

S = TypeVar("S", bound=Settings)

_EXTRAS = {"decode": "decode", "postprocess": "postprocess"}


def host_here(stage: str, metrics: Metrics) -> Hosted:
    """Open the models of a stage's service, by the settings of that service.

    Args:
        stage: Name of the stage.
        metrics: Where its models count.

    Raises:
        SetupError: a setting is wrong, there is no model, or a needed package is not installed.
    """
    try:
        return _hosted(stage, metrics)
    except ImportError as error:
        raise SetupError(
            f"PODIUM_GATEWAY_{stage.upper()}_URL=here needs "
            f"podium[{_EXTRAS.get(stage, 'engine-cpu')}]: {error}"
        ) from error


def _hosted(stage: str, metrics: Metrics) -> Hosted:
    if stage == "decode":
        from podium.decode.app import host_decode
        from podium.decode.settings import DecodeSettings

        return host_decode(_read(DecodeSettings), metrics, address="")
    if stage == "postprocess":
        from podium.postprocess.app import host_postprocess
        from podium.postprocess.settings import PostprocessSettings

        return host_postprocess(_read(PostprocessSettings), metrics)
    from podium.serving.hosting.model_service import host_models, model_settings

    task = cast(Task, stage)
    return host_models(task, _read(model_settings(task)), metrics)


def _read(kind: type[S]) -> S:
    try:
        return kind()
    except ValidationError as error:
        raise SetupError(explain_settings(error, kind)) from None
