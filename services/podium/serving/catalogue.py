"""The models that a service serves, by name and version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from podium.errors import NotFound
from podium.serving.served_model import ServedModel


class Catalogue:
    """Models by name and version; the newest version answers when none is named."""

    def __init__(self, models: Iterable[ServedModel] = ()) -> None:
        self._models: dict[str, dict[str, ServedModel]] = {}
        for model in models:
            self.add(model)

    def add(self, model: ServedModel) -> None:
        """Add a model, or replace the same version of it."""
        self._models.setdefault(model.name, {})[model.version] = model

    def get(self, name: str, version: str | None = None) -> ServedModel:
        """Look a model up. Raises NotFound, naming what there is."""
        versions = self._models.get(name)
        if versions is None:
            known = ", ".join(sorted(self._models)) or "none"
            raise NotFound(f"model: there is no {name!r}; known are: {known}")
        if version is None:
            return versions[max(versions, key=_version_key)]
        if version not in versions:
            raise NotFound(
                f"model: {name!r} has no version {version!r}; known are: {', '.join(versions)}"
            )
        return versions[version]

    def versions(self, name: str) -> list[str]:
        """The versions of a model, oldest first."""
        return sorted(self._models.get(name, ()), key=_version_key)

    def __iter__(self) -> Iterator[ServedModel]:
        for versions in self._models.values():
            yield from versions.values()


def _version_key(version: str) -> tuple[int, str]:
    return (int(version), "") if version.isdigit() else (-1, version)
