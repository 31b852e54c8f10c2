"""The app of the pose3d service."""

from __future__ import annotations

from fastapi import FastAPI

from podium.pose3d.settings import Pose3DSettings
from podium.serving.hosting.model_service import create_model_service


def create_app(settings: Pose3DSettings | None = None) -> FastAPI:
    """Make the pose3d service. Raises SetupError when no model can be served."""
    return create_model_service(
        "pose3d", settings or Pose3DSettings(), summary="Person crops in, 3D key points out."
    )
