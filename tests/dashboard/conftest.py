"""The dashboard of a real api in a real browser, with a gateway that answers at once."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.dashboard.pages import HOSTILE, sign_in
from tests.support.api_world import ApiWorld
from tests.support.browsers import browser, watched_page
from tests.support.videos import only_audio, write_video
from tests.support.working_api import api, gateway, running_gateway

__all__ = ["api", "browser", "gateway", "running_gateway"]


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
