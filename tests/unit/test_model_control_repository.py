"""Loading and unloading from a real repository folder, with loaders that can be held or fail."""

from __future__ import annotations

import asyncio
import gc
import shutil
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import numpy as np
import pytest

from podium.errors import Forbidden, NotFound, SetupError, Unavailable
from podium.models.repository import ModelRepository
from podium.serving.hosting.batcher import Batcher
from podium.serving.hosting.engine_model import EngineModel
from podium.serving.hosting.repository_control import RepositoryControl
from podium.serving.observing.telemetry import Metrics
from podium.serving.oip.batching import BatchLimits
from podium.serving.oip.catalogue import Catalogue, Entry
from podium.serving.oip.model_control import BuiltInModels, IndexEntry
from podium.wire import InferRequest
from tests.support.model_folders import add
from tests.support.waiting import until


class Doubler:
    """An adapter whose calls can be held."""

    inputs = outputs = ()
    parameters: ClassVar[dict[str, int]] = {}

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, inputs):
        assert self.gate.wait(10)
        return {"y": inputs["x"] * 2}


class Bench:
    """A control over a folder; loads doublers."""

    def __init__(self, root, executor, **settings):
        self.root = root
        self.executor = executor
        self.loads: list[str] = []
        self.loading = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()
        self.refuse = ""
        self.adapters: dict[str, Doubler] = {}
        self.catalogue = Catalogue()
        self.control = RepositoryControl(
            self.catalogue,
            ModelRepository(root),
            "detection",
            self.load_model,
            **{"enabled": True, **settings},
        )

    def load_model(self, manifest, weights):
        assert weights.is_file()
        reference = f"{manifest.name}@{manifest.version}"
        self.loads.append(reference)
        self.loading.set()
        assert self.go_on.wait(10)
        if reference == self.refuse:
            raise SetupError(f"model {reference} does not run: no")
        adapter = self.adapters[reference] = Doubler()
        batcher = Batcher(
            adapter,
            self.executor,
            instances=1,
            limits=BatchLimits(max_batch=1),
            stage="test",
            observer=Metrics("test").batches("m"),
        )
        return Entry(EngineModel(manifest, adapter, batcher))

    async def states(self):
        return {
            f"{e.name}@{e.version}": (e.state, e.reason) if e.reason else e.state
            for e in await self.control.index()
        }


@pytest.fixture
def bench(tmp_path):
    add(tmp_path, "finder", 1)
    with ThreadPoolExecutor(1) as executor:
        bench = Bench(tmp_path, executor)
        bench.control.load_all()
        yield bench
        bench.control.close()


@pytest.mark.parametrize("fault", ["weights", "half-written", "manifest", "engine"])
async def test_a_damaged_version_does_not_keep_the_others_from_being_served(tmp_path, fault):
    for version in (1, 2, 3):
        folder = add(tmp_path, "finder", version)
    add(tmp_path, "another", 1)
    if fault == "manifest":
        (folder / "model.yaml").write_text("version: [")
    elif fault == "weights":
        (folder / "model.onnx").write_bytes(b"weighty")
    elif fault == "half-written":
        (folder / "model.onnx").write_bytes(b"weigh")
    with ThreadPoolExecutor(1) as executor:
        bench = Bench(tmp_path, executor)
        bench.refuse = "finder@3" if fault == "engine" else ""
        bench.control.load_all()
        assert bench.catalogue.versions("finder") == ["1", "2"]
        states = await bench.states()
        state, reason = states.pop("finder@3")
        assert state == "UNAVAILABLE"
        assert {"manifest": "not YAML", "engine": "does not run"}.get(fault, "damaged") in reason
        assert set(states.values()) == {"READY"}

        shutil.rmtree(folder)
        add(tmp_path, "finder", 3)  # repaired
        bench.refuse = ""
        await bench.control.load("finder", "3")
        assert (await bench.states())["finder@3"] == "READY"
        bench.control.close()


async def test_a_service_with_nothing_but_damage_says_so(tmp_path):
    (add(tmp_path, "finder", 1) / "model.onnx").write_bytes(b"no")
    with ThreadPoolExecutor(1) as executor:
        bench = Bench(tmp_path, executor)
        with pytest.raises(SetupError, match="damaged"):
            bench.control.load_all()
        bench.control.close()


async def test_an_outage_is_no_damage(tmp_path):
    """A start that would have worked a minute later fails whole, to be tried again."""

    class Flaky(ModelRepository):
        def load(self, name, version):
            if version == 2:
                raise Unavailable("the object store does not answer")
            return super().load(name, version)

    for version in (1, 2):
        add(tmp_path, "finder", version)
    with ThreadPoolExecutor(1) as executor:
        bench = Bench(tmp_path, executor)
        bench.control._repository = Flaky(tmp_path)
        with pytest.raises(Unavailable):
            bench.control.load_all()
        bench.control.close()


async def test_pinned_and_latest_versions(tmp_path):
    for version in (1, 2, 3):
        add(tmp_path, "finder", version)
        add(tmp_path, "other", version)
    with ThreadPoolExecutor(1) as executor:
        bench = Bench(tmp_path, executor, serve=("finder@latest", "other@2", "other@1"))
        bench.control.load_all()
        assert bench.catalogue.versions("finder") == ["3"]
        assert bench.catalogue.versions("other") == ["1", "2"]
        assert (await bench.states())["finder@1"] == ("UNAVAILABLE", "not loaded")

        add(tmp_path, "finder", 4)
        await bench.control.load("finder")
        assert bench.catalogue.versions("finder") == ["4"]
        await bench.control.load("finder", "1")  # asked for by version: beside the latest
        assert bench.catalogue.versions("finder") == ["1", "4"]
        bench.control.close()

        missing = Bench(tmp_path, executor, serve=("finder@9",))
        with pytest.raises(SetupError, match="no version 9, only 1, 2, 3, 4"):
            missing.control.load_all()
        missing.control.close()


async def test_a_new_version_is_loaded_beside_the_old_one(bench):
    assert bench.catalogue.versions("finder") == ["1"]
    before = bench.catalogue.get("finder", "1")
    add(bench.root, "finder", 2)
    assert await bench.states() == {"finder@1": "READY", "finder@2": ("UNAVAILABLE", "not loaded")}
    await bench.control.load("finder")
    assert await bench.states() == {"finder@1": "READY", "finder@2": "READY"}
    assert bench.catalogue.get("finder").model.version == "2"
    assert bench.catalogue.get("finder", "1") is before  # unchanged, so not loaded again
    assert bench.loads == ["finder@1", "finder@2"]


async def test_a_changed_version_is_swapped(bench):
    before = bench.catalogue.get("finder")
    (bench.root / "finder" / "1").rename(bench.root / "old")
    add(bench.root, "finder", 1, b"better weights")
    await bench.control.load("finder")
    assert bench.catalogue.get("finder") is not before
    assert bench.loads == ["finder@1", "finder@1"]


async def test_one_version_alone(bench):
    for version in (2, 3):
        add(bench.root, "finder", version)
    await bench.control.load("finder", "3")
    assert bench.catalogue.versions("finder") == ["1", "3"]
    await bench.control.unload("finder", "1")
    assert bench.catalogue.versions("finder") == ["3"]
    assert (await bench.states())["finder@1"] == ("UNAVAILABLE", "unloaded")
    with pytest.raises(NotFound, match="no version '1'; known are: 3"):
        await bench.control.unload("finder", "1")
    with pytest.raises(NotFound, match="no version '4' of 'finder', only 1, 2, 3"):
        await bench.control.load("finder", "4")


async def test_versions_that_are_gone_are_unloaded_by_a_load(bench):
    add(bench.root, "finder", 2)
    await bench.control.load("finder")
    (bench.root / "finder" / "1").rename(bench.root / "old")
    assert (await bench.states())["finder@1"] == ("READY", "no longer in the repository")
    await bench.control.load("finder")
    assert bench.catalogue.versions("finder") == ["2"]
    assert await bench.states() == {"finder@2": "READY"}


@pytest.mark.parametrize("fault", ["weights", "manifest", "engine"])
async def test_a_failed_load_changes_nothing(bench, fault):
    before = bench.catalogue.get("finder")
    add(bench.root, "finder", 2)
    folder = add(bench.root, "finder", 3)
    if fault == "weights":
        (folder / "model.onnx").write_bytes(b"other bytes")
        reason = "damaged"
    elif fault == "manifest":
        (folder / "model.yaml").write_text("version: [")
        reason = "is not YAML"
    else:
        bench.refuse = "finder@3"
        reason = "does not run"
    for version in (None, "3"):
        with pytest.raises(SetupError, match=reason):
            await bench.control.load("finder", version)
    assert bench.catalogue.versions("finder") == ["1"]
    assert bench.catalogue.get("finder") is before
    states = await bench.states()
    assert states["finder@1"] == "READY"
    assert states["finder@3"][0] == "UNAVAILABLE"
    assert reason in states["finder@3"][1]


async def test_loading_is_shown_and_changes_wait_for_each_other(bench):
    add(bench.root, "finder", 2)
    bench.loading.clear()
    bench.go_on.clear()
    load = asyncio.create_task(bench.control.load("finder", "2"))
    assert await asyncio.to_thread(bench.loading.wait, 10)
    unload = asyncio.create_task(bench.control.unload("finder"))
    assert await bench.states() == {"finder@1": "READY", "finder@2": "LOADING"}
    assert bench.catalogue.versions("finder") == ["1"]
    bench.go_on.set()
    await asyncio.gather(load, unload)
    assert not list(bench.catalogue)


async def test_a_cancelled_load_is_given_up(bench):
    add(bench.root, "finder", 2)
    bench.loading.clear()
    bench.go_on.clear()
    load = asyncio.create_task(bench.control.load("finder"))
    assert await asyncio.to_thread(bench.loading.wait, 10)
    load.cancel()
    with pytest.raises(asyncio.CancelledError):
        await load
    bench.go_on.set()
    assert bench.catalogue.versions("finder") == ["1"]
    await bench.control.load("finder")  # and nothing is left in the way
    assert bench.catalogue.versions("finder") == ["1", "2"]


async def test_requests_finish_on_an_unloaded_model_and_the_last_one_frees_it(bench):
    adapter = bench.adapters.pop("finder@1")
    engine = weakref.ref(adapter)
    adapter.gate.clear()
    requests = [
        asyncio.create_task(
            bench.catalogue.get("finder").model.infer(
                InferRequest({"x": np.full((3, 1), i, np.float32)})
            )
        )
        for i in range(3)
    ]
    await asyncio.sleep(0.02)  # one row is in the engine, eight are queued
    await bench.control.unload("finder")
    with pytest.raises(NotFound, match="there is no 'finder'; known are: none"):
        bench.catalogue.get("finder")
    assert not any(request.done() for request in requests)
    adapter.gate.set()
    del adapter
    for i, result in enumerate(await asyncio.gather(*requests)):
        np.testing.assert_array_equal(result.outputs["y"], np.full((3, 1), 2 * i))
    requests.clear()

    def is_free():
        gc.collect()
        return engine() is None

    await until(is_free)  # its thread lets go of the last call just after the result


async def test_other_tasks_and_bad_names_are_not_found(bench):
    for name in ("nobody", "..", "../finder", "", "finder/1"):
        with pytest.raises(NotFound, match=r"no .* that serves detection"):
            await bench.control.load(name)
    other = RepositoryControl(
        Catalogue(), ModelRepository(bench.root), "pose2d", bench.load_model, enabled=True
    )
    assert await other.index() == []
    with pytest.raises(NotFound, match="that serves pose2d"):
        await other.load("finder")


async def test_control_can_be_turned_off(tmp_path):
    add(tmp_path, "finder", 1)
    with ThreadPoolExecutor(1) as executor:
        bench = Bench(tmp_path, executor, enabled=False)
        bench.control.load_all()
        for change in (bench.control.load, bench.control.unload):
            with pytest.raises(Forbidden, match="PODIUM_MODEL_CONTROL"):
                await change("finder")
        assert await bench.states() == {"finder@1": "READY"}


async def test_built_in_models_stay(bench):
    control = BuiltInModels(bench.catalogue)
    assert await control.index() == [IndexEntry("finder", "1", "READY")]
    for change in (control.load, control.unload):
        with pytest.raises(Forbidden, match="part of this service"):
            await change("finder")
        with pytest.raises(NotFound, match="nobody"):
            await change("nobody")
