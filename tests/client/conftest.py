"""An api behind a real socket, and clients with a configuration of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import podium
from tests.support.api_world import ApiWorld, api_world


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiWorld]:
    """One api for the tests of a file."""
    with api_world(tmp_path_factory.mktemp("api")) as world:
        yield world


@pytest.fixture(autouse=True)
def client_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the configuration, which no other test has."""
    for name in ("PODIUM_API_KEY", "PODIUM_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    monkeypatch.setenv("PODIUM_CLIENT_HOME", str(home))
    return home


@pytest.fixture
def client(api: ApiWorld) -> Iterator[podium.Client]:
    """With the key of an administrator."""
    with podium.Client(api.url, api_key=api.admin.secret) as client:
        yield client
