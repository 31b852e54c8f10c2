"""Loads, swaps and unloads the models of a repository while requests are served."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from podium.errors import Forbidden, NotFound, PodiumError, SetupError, Unavailable
from podium.models.manifest import Manifest, Task
from podium.models.repository import ModelRepository, StoredModel
from podium.serving.oip.catalogue import Catalogue, Entry
from podium.serving.oip.model_control import IndexEntry
from podium.storage.file_locks import HeldFile

LoadModel = Callable[[Manifest, Path], Entry]
"""Loads verified weights and warms the model up; not for the event loop. Raises SetupError."""

_Key = tuple[str, str]  # name, version

_log = logging.getLogger("podium.models")


@dataclass(frozen=True, slots=True)
class _Loaded:
    manifest: Manifest
    entry: Entry
    weights: HeldFile


class RepositoryControl:
    """The models of a repository that serve one task.

    A model is verified, loaded and warmed up in a thread, then replaces the old one at once.
    Requests that have looked up the old one finish with it, and the last of them frees it; until
    then both are in memory. A version whose manifest (and so the hash of its weights) has not
    changed keeps its engine. Changes run one after the other; a change is given up when its
    client disconnects.

    Args:
        catalogue: What is served; only this class changes it.
        repository: Where the models are.
        task: The task whose models are served.
        load_model: Loads a model.
        serve: Models to load where no version is asked for, in the form that
            ``ModelRepository.select`` takes; empty: all.
        enabled: Whether ``load`` and ``unload`` are allowed.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        repository: ModelRepository,
        task: Task,
        load_model: LoadModel,
        *,
        serve: Collection[str] = (),
        enabled: bool,
    ) -> None:
        self._catalogue = catalogue
        self._repository = repository
        self._task = task
        self._load_model = load_model
        self._serve_only = serve
        self._enabled = enabled
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="model-loader")
        self._change = asyncio.Lock()
        self._served: dict[str, dict[str, _Loaded]] = {}
        self._loading: set[_Key] = set()
        self._reasons: dict[_Key, str] = {}  # why the repository's version is not served

    def load_all(self) -> None:
        """Load the selected models; blocks, for use at the start.

        Damaged models and those that do not run are left out; ``index`` says why.

        Raises:
            PodiumError: the repository cannot be read, a selected model is missing, or none of
                the models for the task can be served.
        """
        for key in self._repository.select(self._serve_only):
            try:
                stored = self._repository.load(*key)
                if self._task not in stored.manifest.tasks:
                    continue
                loaded = self._load_or_keep(stored)
            except Unavailable:  # temporary, unlike damage: better to start again
                raise
            except PodiumError as error:
                _log.error("%s@%d is left out: %s", *key, error.message)
                self._reasons[key[0], str(key[1])] = error.message
            else:
                name, version = _key(stored)
                self._serve(name, {**self._served.get(name, {}), version: loaded})
        if not self._served and self._reasons:
            raise SetupError(next(iter(self._reasons.values())))

    def close(self) -> None:
        """Wait until the loading thread is done."""
        self._loader.shutdown()

    async def index(self) -> list[IndexEntry]:
        """Every version for the task that the repository has, or that is served from memory."""
        served = {(name, v) for name, versions in self._served.items() for v in versions}
        try:
            faults = await asyncio.to_thread(self._scan)
        except PodiumError as error:  # no repository: list what is loaded
            faults = dict.fromkeys(served | self._reasons.keys(), error.message)
        faults |= dict.fromkeys(served - faults.keys(), "no longer in the repository")
        keys = sorted(faults, key=lambda key: (key[0], int(key[1])))
        return [self._index_entry(key, key in served, faults[key]) for key in keys]

    def _index_entry(self, key: _Key, served: bool, fault: str) -> IndexEntry:
        reason = fault or self._reasons.get(key, "")
        if served:
            return IndexEntry(*key, "READY", reason)
        if key in self._loading:
            return IndexEntry(*key, "LOADING")
        return IndexEntry(*key, "UNAVAILABLE", reason or "not loaded")

    async def load(self, name: str, version: str | None = None) -> None:
        """Serve a model as the repository has it now: all its versions, or one more version.

        Raises:
            Forbidden: control is off.
            NotFound: the repository has no such model for the task.
            SetupError: a version is damaged or does not run; the old ones are still served.
        """
        self._require_enabled()
        async with self._change:
            found = await asyncio.to_thread(self._find, name, version)
            versions = {} if version is None else dict(self._served.get(name, {}))
            self._loading = {_key(stored) for stored in found}
            try:
                for stored in found:
                    versions[_key(stored)[1]] = await self._load_on_thread(stored)
            finally:
                self._loading = set()
            for stored in found:
                self._reasons.pop(_key(stored), None)
            self._serve(name, versions)
        _log.info("loaded %s", ", ".join(stored.reference for stored in found))

    async def unload(self, name: str, version: str | None = None) -> None:
        """Stop serving a model or one version of it; requests in work are finished.

        Raises:
            Forbidden: control is off.
            NotFound: it is not served.
        """
        self._require_enabled()
        async with self._change:
            self._catalogue.get(name, version)
            before = self._served[name]
            left = {} if version is None else {v: m for v, m in before.items() if v != version}
            self._serve(name, left)
            gone = before.keys() - left.keys()
            self._reasons |= {(name, each): "unloaded" for each in gone}
        _log.info("unloaded %s", ", ".join(f"{name}@{each}" for each in sorted(gone)))

    def _require_enabled(self) -> None:
        if not self._enabled:
            raise Forbidden("model control is off here; PODIUM_MODEL_CONTROL=true turns it on")

    def _serve(self, name: str, versions: dict[str, _Loaded]) -> None:
        self._served[name] = versions
        self._catalogue.replace(name, [loaded.entry for loaded in versions.values()])

    # Off the event loop

    async def _load_on_thread(self, stored: StoredModel) -> _Loaded:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._loader, self._load_or_keep, stored)
        except PodiumError as error:
            self._reasons[_key(stored)] = error.message
            raise

    def _load_or_keep(self, stored: StoredModel) -> _Loaded:
        weights = stored.hold()
        name, version = _key(stored)
        current = self._served.get(name, {}).get(version)
        if current is not None and current.manifest == stored.manifest:
            return current
        return _Loaded(stored.manifest, self._load_model(stored.manifest, weights.path), weights)

    def _find(self, name: str, version: str | None) -> list[StoredModel]:
        there = self._repository.versions(name)
        if version is not None and there:
            if version not in map(str, there):
                known = ", ".join(map(str, there))
                raise NotFound(
                    f"version: the repository has no version {version!r} of {name!r}, only {known}"
                )
            there = [int(version)]
        elif wanted := [each for each in self._serve_only if each.partition("@")[0] == name]:
            there = [each for _, each in self._repository.select(wanted)]
        found = [self._repository.load(name, each) for each in there]
        found = [stored for stored in found if self._task in stored.manifest.tasks]
        if not found:
            raise NotFound(f"model: the repository has no {name!r} that serves {self._task}")
        return found

    def _scan(self) -> dict[_Key, str]:
        """The versions in the repository for the task -> what is wrong with them, or empty."""
        faults = {}
        for name, version in self._repository.folders():
            try:
                if self._task in self._repository.load(name, version).manifest.tasks:
                    faults[name, str(version)] = ""
            except Unavailable:
                raise
            except PodiumError as error:
                faults[name, str(version)] = error.message
        return faults


def _key(stored: StoredModel) -> _Key:
    return stored.manifest.name, str(stored.manifest.version)
