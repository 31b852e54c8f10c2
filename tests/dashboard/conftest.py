"""The dashboard of a real api in a real browser, with a gateway that answers at once."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.dashboard.pages import HOSTILE, sign_in
from tests.support.api_world import ApiWorld, api_world
from tests.support.browsers import browser, watched_page
from tests.support.fake_gateway import FakeGateway, fake_gateway
from tests.support.videos import only_audio, write_video

__all__ = ["browser"]


@pytest.fixture(scope="module")
def running_gateway() -> Iterator[FakeGateway]:
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
    folder = tmp_path_factory.mktemp("api")
    with api_world(folder, gateway_url=running_gateway.url) as world, world.controller():
        yield world


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test when a script of it fails or its policy refuses something."""
    with watched_page(browser, "Failed to load resource") as page:  # a 401 is a message, too
        yield page


@pytest.fixture
def dashboard(api: ApiWorld, page: Page) -> Page:
    """The page of somebody who has signed in."""
    sign_in(page, api)
    return page


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clip") / "sprint.mp4", 30)


@pytest.fixture(scope="session")
def day(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> Path:
    """A ZIP with a good video of a hostile name, a bad one, and something else."""
    path = tmp_path_factory.mktemp("day") / "day.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(clip, HOSTILE)
        archive.write(only_audio(path.with_name("sound.mp4")), "sound.mp4")
        archive.writestr("athletes.json", "{}")
    return path
