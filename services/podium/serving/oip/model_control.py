"""Lists the models that a service could serve, and loads and unloads them while it runs.

This is the model repository extension of the Open Inference Protocol. Here is the part of every
service; ``repository_control`` is for services that load models from a repository.
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
    """Lists, loads and unloads the models of a service, for its operator."""

    async def index(self) -> list[IndexEntry]:
        """Every version that is served or could be, by name and version."""
        ...

    async def load(self, name: str, version: str | None = None) -> None:
        """Serve a model as the repository has it now: every version, or one.

        Unless all of it can be loaded, nothing changes. Raises PodiumError.
        """
        ...

    async def unload(self, name: str, version: str | None = None) -> None:
        """Stop serving a model, or one version; requests in work are finished.

        Raises PodiumError.
        """
        ...


class BuiltInModels:
    """Control of models that are part of their service and cannot be loaded or unloaded."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def index(self) -> list[IndexEntry]:
        """Every model; one with a fault is not ready, and says why."""
        entries = list(self._catalogue)
        faults = await asyncio.gather(*(entry.fault() for entry in entries))
        return [
            IndexEntry(each.model.name, each.model.version, *_state(fault))
            for each, fault in zip(entries, faults, strict=True)
        ]

    async def load(self, name: str, version: str | None = None) -> None:
        """Always raises: NotFound or Forbidden."""
        self._refuse(name, version)

    async def unload(self, name: str, version: str | None = None) -> None:
        """Always raises: NotFound or Forbidden."""
        self._refuse(name, version)

    def _refuse(self, name: str, version: str | None) -> NoReturn:
        self._catalogue.get(name, version)
        raise Forbidden(
            f"model: {name!r} is part of this service; only the model services "
            "(detection, pose2d, pose3d) load and unload models"
        )


def _state(fault: str) -> tuple[State, str]:
    return ("UNAVAILABLE" if fault else "READY"), fault
