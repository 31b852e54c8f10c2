"""The app of the pose2d service."""

from __future__ import annotations

from fastapi import FastAPI

from podium.pose2d.settings import Pose2DSettings
from podium.serving.hosting.model_service import create_model_service


def create_app(settings: Pose2DSettings | None = None) -> FastAPI:
    """Make the pose2d service. Raises SetupError when no model can be served."""
    return create_model_service(
        "pose2d", settings or Pose2DSettings(), summary="Person crops in, 2D key points out."
    )
