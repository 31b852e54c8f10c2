"""``podium models export`` from a checkpoint file to a served model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from click.testing import CliRunner, Result

from podium.cli import cli
from podium.engines.opening import open_session
from podium.errors import PodiumError
from podium.models.adapter import load_adapter
from podium.models.repository import ModelRepository
from podium.networks.hrnet import HRNet
from podium.networks.yolox import VARIANTS, YOLOX


@pytest.fixture(scope="module")
def nano(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "yolox_nano.pth"
    torch.save({"model": YOLOX(VARIANTS["nano"]).state_dict()}, path)
    return path


@pytest.fixture(scope="module")
def narrow_hrnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "hrnet.pth"
    torch.save(HRNet(2).state_dict(), path)
    return path


def export(*arguments: str | Path, out: Path) -> Result:
    command = ["models", "export", *map(str, arguments), "--out", str(out)]
    return CliRunner().invoke(cli, command, catch_exceptions=False)


def message(*arguments: str | Path, out: Path) -> str:
    with pytest.raises(PodiumError) as raised:
        export(*arguments, out=out)
    assert not out.exists(), "nothing is left behind"
    return raised.value.message


def test_an_exported_model_is_served(nano: Path, tmp_path: Path) -> None:
    said = export("yolox", "--weights", nano, "--input-size", "64", out=tmp_path).stdout
    assert "every tensor fits" in said
    assert said.count("torch and ONNX differ by at most") == 2
    model = ModelRepository(tmp_path).resolve("yolox-nano")
    assert said.splitlines()[-1] == str(model.folder)
    assert "yolox_nano.pth, sha256 " in model.manifest.source
    assert model.manifest.license == "not stated"
    adapter = load_adapter(model.manifest, model.verified_weights(), "detection", open_session)
    images = np.zeros((2, 64, 64, 3), np.uint8)
    assert adapter({"images": images})["boxes"].shape == (0, 4), "it has learnt nothing"

    licensed = ("--license", "Apache-2.0")
    export("yolox", "--weights", nano, "--input-size", "64", *licensed, out=tmp_path)
    latest = ModelRepository(tmp_path).resolve("yolox-nano").manifest
    assert (latest.version, latest.license) == (2, "Apache-2.0")


def test_half_precision_is_a_model_of_its_own(narrow_hrnet: Path, tmp_path: Path) -> None:
    arguments = ("--weights", narrow_hrnet, "--input-size", "64x32", "--precision", "fp16")
    export("hrnet", *arguments, out=tmp_path)
    model = ModelRepository(tmp_path).resolve("hrnet-w2-64-fp16")
    assert model.manifest.precision == "fp16"
    assert (model.manifest.input.height, model.manifest.input.width) == (64, 32)


def test_end_to_end_is_laid_out_for_triton(nano: Path, tmp_path: Path) -> None:
    arguments = ("--weights", nano, "--input-size", "64", "--end-to-end")
    said = export("yolox", *arguments, out=tmp_path).stdout
    assert said.splitlines()[-1] == str(tmp_path / "yolox-nano")
    files = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file())
    assert list(map(str, files)) == ["yolox-nano/1/model.onnx", "yolox-nano/config.pbtxt"]
    config = (tmp_path / "yolox-nano" / "config.pbtxt").read_text()
    assert "max_batch_size: 0\n" in config
    assert 'parameters { key: "letterbox_size" value { string_value: "64" } }\n' in config
    session = onnxruntime.InferenceSession(tmp_path / "yolox-nano" / "1" / "model.onnx")
    names = [output.name for output in session.get_outputs()]
    assert names == ["boxes", "scores", "image_index"]
    with pytest.raises(PodiumError, match=r"name: .* exists"):
        export("yolox", *arguments, "--version", "2", out=tmp_path)


def test_mistakes_are_named(nano: Path, narrow_hrnet: Path, tmp_path: Path) -> None:
    out = tmp_path / "models"
    wrong = message("hrnet", "--weights", nano, out=out)
    assert "is no checkpoint of HRNet: final_layer.weight is missing" in wrong
    assert message("hrnet", "--weights", narrow_hrnet, "--variant", "s", out=out) == (
        "--variant: is for yolox, not for hrnet"
    )
    oblong = message("yolox", "--weights", nano, "--input-size", "64x96", out=out)
    assert oblong == "--input-size: a detector takes squares"
    odd = message("yolox", "--weights", nano, "--input-size", "65", out=out)
    assert odd == "input size: must be multiples of 32, not 65x65"
    assert message("yolox", "--weights", nano, "--name", "No Name", out=out).startswith("name: ")
    larger = message("3dmppe", "--weights", nano, "--input-size", "384", out=out)
    assert larger == "--input-size: 3dmppe takes 256 only"
    decoded = message("3dmppe", "--weights", nano, "--end-to-end", out=out)
    assert decoded.startswith("--end-to-end: is for yolox and hrnet")
    said = CliRunner().invoke(
        cli, ["models", "export", "yolox", "--weights", str(nano), "--input-size", "4by3"]
    )
    assert said.exit_code == 2
    assert "'4by3' is not a side (416) or a height and a width (256x192)" in said.stderr
