"""Fixtures: an api with a controller, and a gateway that answers at once.

A file imports ``running_gateway``, ``gateway`` and ``api`` where they are to be its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.api_world import ApiWorld, api_world
from tests.support.fake_gateway import FakeGateway, fake_gateway


@pytest.fixture(scope="module")
def running_gateway() -> Iterator[FakeGateway]:
    """One gateway for the tests of a file."""
    with fake_gateway() as running:
        yield running


@pytest.fixture
def gateway(running_gateway: FakeGateway) -> Iterator[FakeGateway]:
    """As it was before, after each test."""
    works = running_gateway.fails
    yield running_gateway
    running_gateway.fails, running_gateway.delay_s = works, 0.0


@pytest.fixture(scope="module")
def api(
    tmp_path_factory: pytest.TempPathFactory, running_gateway: FakeGateway
) -> Iterator[ApiWorld]:
    """One api for the tests of a file, with a controller at work."""
    folder = tmp_path_factory.mktemp("api")
    with api_world(folder, gateway_url=running_gateway.url) as world, world.controller():
        yield world
