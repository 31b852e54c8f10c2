"""The api on a thread behind a real socket, with a database and a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.api_world import ApiWorld, api_world


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiWorld]:
    """One api for the tests of a file."""
    with api_world(tmp_path_factory.mktemp("api")) as world:
        yield world
