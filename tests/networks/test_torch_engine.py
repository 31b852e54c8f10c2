"""The torch engine: the same figures as torch itself, and no code out of a file."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed here: make test-networks")

from podium.engines.opening import open_session  # noqa: E402 - after the check for torch
from podium.engines.options import EngineOptions  # noqa: E402
from podium.errors import SetupError  # noqa: E402
from podium.networks.families import Export  # noqa: E402
from podium.networks.program_export import to_program  # noqa: E402
from podium.networks.served import Served  # noqa: E402
from tests.networks import small_models  # noqa: E402

NETWORKS: dict[str, Callable[[], Export]] = {
    "yolox": small_models.small_yolox,
    "hrnet": small_models.small_hrnet,
    "3dmppe": small_models.small_three_dmppe,
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("program") / "model.pt2"
    path.write_bytes(to_program(small_models.small_hrnet()))
    return path


@pytest.mark.parametrize("family", NETWORKS)
def test_a_program_computes_what_torch_does(family: str, tmp_path: Path) -> None:
    export = NETWORKS[family]()
    (tmp_path / "model.pt2").write_bytes(to_program(export))
    session = open_session(tmp_path / "model.pt2", EngineOptions(max_rows=2))
    assert [spec.name for spec in session.outputs] == list(export.outputs)
    (images,) = session.inputs
    assert (images.name, images.datatype, images.shape[0]) == ("images", "UINT8", -1)
    pixels = np.random.default_rng(0).integers(0, 256, (3, *images.shape[1:]), np.uint8)
    with torch.inference_mode():
        served = Served(export.network, export.pixels, folded=True)
        wanted = served(torch.from_numpy(pixels))
    found = session.run({"images": pixels})
    for name, values in zip(export.outputs, wanted, strict=True):
        np.testing.assert_allclose(found[name], values.numpy(), atol=1e-4)
    nothing = session.run({"images": pixels[:0]})
    assert {name: len(values) for name, values in nothing.items()} == dict.fromkeys(found, 0)


def test_half_precision(tmp_path: Path) -> None:
    export = small_models.small_hrnet()
    (tmp_path / "half.pt2").write_bytes(to_program(export, "fp16"))
    (tmp_path / "full.pt2").write_bytes(to_program(export))
    half, full = (open_session(tmp_path / name) for name in ("half.pt2", "full.pt2"))
    pixels = np.random.default_rng(0).integers(0, 256, (1, *half.inputs[0].shape[1:]), np.uint8)
    a, b = (session.run({"images": pixels})["heatmaps"] for session in (half, full))
    np.testing.assert_allclose(a, b, atol=1e-2)


@pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_program_computes_the_same(tmp_path: Path) -> None:
    program = torch.export.export(
        torch.nn.Conv2d(3, 4, 3),
        (torch.zeros(2, 3, 8, 8),),
        dynamic_shapes={"input": {0: torch.export.Dim("N", min=1, max=8)}},
    )
    torch.export.save(program, tmp_path / "m.pt2", extra_files={"outputs.json": '["features"]'})
    eager, compiled = (
        open_session(tmp_path / "m.pt2", EngineOptions(torch_compile=flag))
        for flag in (False, True)
    )
    pixels = np.random.default_rng(0).random((3, 3, 8, 8), np.float32)
    a, b = (session.run({"input": pixels})["features"] for session in (eager, compiled))
    np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize(("provider", "words"), [("cuda", "sees no GPU"), ("tensorrt", "as ONNX")])
def test_nothing_falls_back(program: Path, provider: Any, words: str) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(SetupError, match=words):
        open_session(program, EngineOptions(provider=provider))


class Evil:
    """Unpickling it would raise what no reader expects."""

    def __reduce__(self) -> Any:
        return exec, ("raise SystemExit('unpickled')",)


def test_what_is_pickled_in_a_file_is_not_read(program: Path, tmp_path: Path) -> None:
    evil = pickle.dumps(Evil())
    path = changed(program, tmp_path, {"data/sample_inputs/model.pt": lambda _: evil})
    with pytest.raises(SystemExit, match="unpickled"):
        torch.export.load(path)  # which is why we have a reader of our own
    assert open_session(path).outputs[0].name == "heatmaps"


@pytest.mark.parametrize(
    "target",
    [
        "torch.serialization.os.system",
        "torch.ops.aten.from_file.default",
        "torch.ops.aten.relu.no_overload",
        "torch.ops.aten.relu.__class__",
        "_operator.attrgetter",
    ],
)
def test_operators_that_are_not_on_the_list(program: Path, tmp_path: Path, target: str) -> None:
    def swap(data: bytes) -> bytes:
        model = json.loads(data)
        model["graph_module"]["graph"]["nodes"][-1]["target"] = target
        return json.dumps(model).encode()

    path = changed(program, tmp_path, {"models/model.json": swap})
    with pytest.raises(SetupError, match="not on Podium's list"):
        open_session(path)


def test_pickled_weights_and_other_versions_are_refused(program: Path, tmp_path: Path) -> None:
    def pickled(data: bytes) -> bytes:
        return data.replace(b'"use_pickle": false', b'"use_pickle": true', 1)

    def newer(data: bytes) -> bytes:
        return json.dumps({**json.loads(data), "schema_version": {"major": 99}}).encode()

    config = "data/weights/model_weights_config.json"
    with pytest.raises(SetupError, match="is pickled"):
        open_session(changed(program, tmp_path, {config: pickled}))
    with pytest.raises(SetupError, match="schema version 99"):
        open_session(changed(program, tmp_path, {"models/model.json": newer}))


def test_damaged_files(program: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.pt2"
    for content in (b"", b"PK nothing", program.read_bytes()[:-200]):
        path.write_bytes(content)
        with pytest.raises(SetupError, match=r"model\.pt2"):
            open_session(path)
    short = {"data/weights/weight_0": lambda data: data[:-4]}
    with pytest.raises(SetupError, match="as many bytes"):
        open_session(changed(program, tmp_path, short))


def changed(program: Path, folder: Path, edits: dict[str, Callable[[bytes], bytes]]) -> Path:
    """A copy of an archive with some members replaced."""
    target, made = folder / "changed.pt2", io.BytesIO()
    with zipfile.ZipFile(program) as source, zipfile.ZipFile(made, "w") as copy:
        for member in source.namelist():
            edit = edits.get(member.partition("/")[2], lambda data: data)
            copy.writestr(member, edit(source.read(member)))
    target.write_bytes(made.getvalue())
    return target
