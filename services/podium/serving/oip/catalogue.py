"""The models that a service serves, by name and version."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from podium.errors import NotFound
from podium.serving.oip.batching import BatchLimits
from podium.serving.oip.model_stats import ModelStatistics
from podium.serving.oip.served_model import ServedModel


async def _no_fault() -> str:
    return ""


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A served model and what is reported about it."""

    model: ServedModel
    statistics: ModelStatistics = field(default_factory=ModelStatistics)
    batching: BatchLimits | None = None  # None: every request is computed on its own
    fault: Callable[[], Awaitable[str]] = _no_fault  # why it is not ready; empty: it is ready


class Catalogue:
    """Models by name and version; without a version the newest one answers.

    A request looks its model up once and keeps it, so that the model may leave the catalogue
    meanwhile: it is freed after its last request.
    """

    def __init__(self, models: Iterable[ServedModel] = ()) -> None:
        self._entries: dict[str, dict[str, Entry]] = {}
        for model in models:
            self.add(Entry(model))

    def add(self, entry: Entry) -> None:
        """Add a model, or replace the same version of it."""
        self._entries.setdefault(entry.model.name, {})[entry.model.version] = entry

    def replace(self, name: str, entries: Iterable[Entry]) -> None:
        """Serve exactly these versions of a model; no versions: remove the model."""
        versions = {entry.model.version: entry for entry in entries}
        if versions:
            self._entries[name] = versions
        else:
            self._entries.pop(name, None)

    def get(self, name: str, version: str | None = None) -> Entry:
        """Look a model up. Raises NotFound, which names the known ones."""
        versions = self._entries.get(name)
        if versions is None:
            known = ", ".join(sorted(self._entries)) or "none"
            raise NotFound(f"model: there is no {name!r}; known are: {known}")
        if version is None:
            return versions[max(versions, key=_version_key)]
        if version not in versions:
            known = ", ".join(self.versions(name))
            raise NotFound(f"model: {name!r} has no version {version!r}; known are: {known}")
        return versions[version]

    def entries(self, name: str) -> list[Entry]:
        """Every version of a model, oldest first; none where it is not served."""
        versions = self._entries.get(name, {})
        return [versions[version] for version in sorted(versions, key=_version_key)]

    def versions(self, name: str) -> list[str]:
        """The versions of a model, oldest first."""
        return [entry.model.version for entry in self.entries(name)]

    def metadata(self, name: str, version: str | None = None) -> dict[str, Any]:
        """The protocol's metadata of a model. Raises NotFound."""
        model = self.get(name, version).model
        return {
            "name": model.name,
            "versions": self.versions(model.name),
            "platform": model.platform,
            "inputs": [spec.to_json() for spec in model.inputs],
            "outputs": [spec.to_json() for spec in model.outputs],
            "parameters": dict(model.parameters),
        }

    def __iter__(self) -> Iterator[Entry]:
        """Every version of every model, by name and version."""
        for name in sorted(self._entries):
            yield from self.entries(name)


def _version_key(version: str) -> tuple[int, str]:
    return (int(version), "") if version.isdigit() else (-1, version)
