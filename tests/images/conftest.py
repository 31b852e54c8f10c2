"""The images that ``make images`` has built; skipped where there is no Docker."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import podium
from tests.images.docker import IMAGES, Docker, NoDocker, find_docker

REGISTRY = os.environ.get("PODIUM_REGISTRY", "")
TAG = os.environ.get("PODIUM_TAG") or podium.__version__


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All that needs Docker needs the images too, which take minutes to build."""
    for item in items:
        here = item.path.is_relative_to(Path(__file__).parent)
        if here and "docker" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def docker() -> Docker:
    try:
        docker = find_docker()
    except NoDocker as error:
        pytest.skip(str(error))
    names = [image_name(service) for service in IMAGES]
    if missing := [name for name in names if not docker("images", "--quiet", name).strip()]:
        pytest.skip(f"`make images` has not built {', '.join(missing)}")
    return docker


@pytest.fixture(params=IMAGES)
def service(request: pytest.FixtureRequest) -> str:
    """Each that has an image."""
    return str(request.param)


@pytest.fixture
def image(docker: Docker, service: str) -> str:
    """The image of the service."""
    return image_name(service)


def image_name(service: str) -> str:
    return f"{REGISTRY}podium-{service}:{TAG}"
