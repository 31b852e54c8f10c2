"""What the tests share: the default models and the real pictures and videos."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from podium.models.pull import pull_blazepose

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def model_repository() -> Path:
    """A model repository with the default models; pulled (network) if they are not there."""
    repository = Path(os.environ.get("PODIUM_MODELS", ROOT / "models"))
    pull_blazepose(repository)
    return repository


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real pictures and videos, which are not part of the repository."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real pictures and videos (../shared/data) are not on this machine")
    return folder
