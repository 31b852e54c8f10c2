"""The model repository that commands on this machine use."""

from __future__ import annotations

import os
from pathlib import Path

from podium.errors import SetupError
from podium.models.published import PULL_COMMAND
from podium.models.repository import ModelRepository
from podium.models.settings import is_s3


def default_models() -> Path:
    """The model repository: ``PODIUM_MODELS``, or ``models`` in the current folder.

    Raises:
        SetupError: it is not on this machine; the message has the remedy.
    """
    address = os.environ.get("PODIUM_MODELS") or "models"
    if is_s3(address):
        raise SetupError(
            f"PODIUM_MODELS is {address}, and this command needs a folder; bring the models here "
            "with `podium models fetch --into FOLDER` and set PODIUM_MODELS=FOLDER"
        )
    return Path(address)


def require_models(folder: Path) -> None:
    """Raise SetupError, with the remedy, unless ``folder`` holds models."""
    if not ModelRepository(folder).folders():
        raise SetupError(
            f"there are no models in {folder}; get the default ones with `{PULL_COMMAND}`, "
            "or name the folder that has yours in PODIUM_MODELS"
        )
