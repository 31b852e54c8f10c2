"""The app of the decode service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import cv2
from fastapi import FastAPI

from podium.decode.decoder import Decoder
from podium.decode.settings import DecodeSettings
from podium.serving.app import create_service_app
from podium.serving.hosting.here import Hosted
from podium.serving.observing.telemetry import Metrics
from podium.serving.oip.catalogue import Catalogue
from podium.stages.decode import CropModel, DecodeModel, ReleaseModel


def host_decode(settings: DecodeSettings, metrics: Metrics, *, address: str) -> Hosted:
    """Make the models of the service.

    Args:
        settings: Limits, threads and what may be read.
        metrics: Where to count.
        address: Base URL of this replica; "" in the process of the gateway.
    """
    cv2.setNumThreads(1)  # the workers already use all processors
    decoder = Decoder(settings, address=address, metrics=metrics)

    @asynccontextmanager
    async def workers() -> AsyncIterator[None]:
        with decoder:
            yield

    return Hosted(
        Catalogue([DecodeModel(decoder), CropModel(decoder), ReleaseModel(decoder)]), workers
    )


def create_app(settings: DecodeSettings | None = None) -> FastAPI:
    """Make the app of the decode service."""
    settings = settings or DecodeSettings()
    metrics = Metrics("decode")
    address = settings.address.rstrip("/") or f"http://127.0.0.1:{settings.port}"
    hosted = host_decode(settings, metrics, address=address)
    return create_service_app(
        "decode",
        hosted.catalogue,
        settings,
        summary="Media in, frames kept; detector images and crops out.",
        resource=lambda _: hosted.resource(),
        metrics=metrics,
    )
