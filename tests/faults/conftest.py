"""The services twice each, for tests that kill, stop and overload them."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.faults.replicas import Replicas
from tests.support.load import BATCH_FRAMES, PIPELINES, Batch, Client, client_of

GATEWAY_REQUESTS = 8
"""Few, so that little load is overload."""

STARTS = range(2, 60 - BATCH_FRAMES, 5)


BESIDE_OTHERS = {"test_lost_connections.py", "test_memory_limits.py", "test_model_files.py"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Load, slow networks and times have the machine to themselves."""
    for item in items:
        if item.path.parent == Path(__file__).parent and item.path.name not in BESIDE_OTHERS:
            item.add_marker(pytest.mark.alone)


@pytest.fixture(scope="session")
def replicas(
    model_repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Replicas]:
    """Two replicas of every service, with the default models."""
    settings = {"gateway": {"PODIUM_MAX_REQUESTS": str(GATEWAY_REQUESTS)}}
    with Replicas(model_repository, tmp_path_factory.mktemp("replicas"), settings) as running:
        yield running


@pytest.fixture(scope="session")
def media(clip: Path) -> bytes:
    """The bundled clip."""
    return clip.read_bytes()


@pytest_asyncio.fixture
async def client(replicas: Replicas, media: bytes) -> AsyncIterator[Client]:
    """A client of both gateways."""
    async with client_of(replicas.urls("gateway"), media) as client:
        yield client


@pytest.fixture
def batches() -> list[Batch]:
    """Different ones, so that an answer that belongs to another shows."""
    return [Batch(pipeline, start) for start, pipeline in itertools.product(STARTS, PIPELINES)]
