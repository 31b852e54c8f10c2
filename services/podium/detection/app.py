"""The app of the detection service."""

from __future__ import annotations

from fastapi import FastAPI

from podium.detection.settings import DetectionSettings
from podium.serving.hosting.model_service import create_model_service


def create_app(settings: DetectionSettings | None = None) -> FastAPI:
    """Make the detection service. Raises SetupError when no model can be served."""
    return create_model_service(
        "detection",
        settings or DetectionSettings(),
        summary="Letterboxed images in, person boxes out.",
    )
