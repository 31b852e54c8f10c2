"""Which models a service could serve, and taking them in and out while it runs.

This is the model repository extension of the Open Inference Protocol. Here is what every service
has; ``repository_control`` is for those that load models from a repository.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal, NoReturn, Protocol

from podium.errors import Forbidden
from podium.serving.oip.catalogue import Catalogue

State = Literal["READY", "LOADING", "UNAVAILABLE"]


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One version of one model."""

    name: str
    version: str
    state: State
    reason: str = ""


class ModelControl(Protocol):
    """The operator's door to the models of a service."""

    async def index(self) -> list[IndexEntry]:
        """Every version that is served or could be, by name and version."""
        ...

    async def load(self, name: str, version: str | None = None) -> None:
        """Serve what the repository has of a model now: every version, or one.

        What was served stays as it was unless all of it can be loaded. Raises PodiumError.
        """
        ...

    async def unload(self, name: str, version: str | None = None) -> None:
        """Stop serving a model, or one version; requests that have it are finished.

        Raises PodiumError.
        """
        ...


class BuiltInModels:
    """Control of models that are part of their service: there is nothing to load."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def index(self) -> list[IndexEntry]:
        """All are ready unless they say why not."""
        entries = list(self._catalogue)
        faults = await asyncio.gather(*(entry.fault() for entry in entries))
        return [
            IndexEntry(each.model.name, each.model.version, *_state(fault))
            for each, fault in zip(entries, faults, strict=True)
        ]

    async def load(self, name: str, version: str | None = None) -> None:
        """Refused. Raises NotFound or Forbidden."""
        self._refuse(name, version)

    async def unload(self, name: str, version: str | None = None) -> None:
        """Refused. Raises NotFound or Forbidden."""
        self._refuse(name, version)

    def _refuse(self, name: str, version: str | None) -> NoReturn:
        self._catalogue.get(name, version)
        raise Forbidden(
            f"model: {name!r} is part of this service; only the model services "
            "(detection, pose2d, pose3d) load and unload models"
        )


def _state(fault: str) -> tuple[State, str]:
    return ("UNAVAILABLE" if fault else "READY"), fault
