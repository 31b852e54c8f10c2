"""The app of the decode service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import cv2
from fastapi import FastAPI

from podium.decode.decoder import Decoder
from podium.decode.settings import DecodeSettings
from podium.serving.app import create_service_app
from podium.serving.observing.telemetry import Metrics
from podium.serving.oip.catalogue import Catalogue
from podium.stages.decode import CropModel, DecodeModel, ReleaseModel


def create_app(settings: DecodeSettings | None = None) -> FastAPI:
    """Make the decode service."""
    settings = settings or DecodeSettings()
    cv2.setNumThreads(1)  # the workers are the parallelism
    metrics = Metrics("decode")
    address = settings.address.rstrip("/") or f"http://127.0.0.1:{settings.port}"
    decoder = Decoder(settings, address=address, metrics=metrics)

    @asynccontextmanager
    async def workers(_: FastAPI) -> AsyncIterator[None]:
        with decoder:
            yield

    return create_service_app(
        "decode",
        Catalogue([DecodeModel(decoder), CropModel(decoder), ReleaseModel(decoder)]),
        settings,
        summary="Media in, frames kept; detector images and crops out.",
        resource=workers,
        metrics=metrics,
    )
