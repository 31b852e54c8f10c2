"""Official checkpoints are read in all their forms, and nothing else is."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from podium.errors import InvalidInput, SetupError
from podium.networks.hrnet import HRNet
from podium.networks.official import load_hrnet, load_posenet, load_rootnet, load_yolox
from podium.networks.three_dmppe import PoseNet, RootNet
from podium.networks.yolox import VARIANTS, YOLOX

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def nano() -> YOLOX:
    torch.manual_seed(0)
    return YOLOX(VARIANTS["nano"], classes=3)


@pytest.fixture(scope="module")
def hrnet() -> HRNet:
    return HRNet(2, joints=17)


def saved(content: Any, folder: Path) -> Path:
    path = folder / "checkpoint.pth"
    torch.save(content, path)
    return path


def without_counters(state: State) -> State:
    return {name: value for name, value in state.items() if "num_batches" not in name}


def prefixed(prefix: str, state: State) -> State:
    return {prefix + name: value for name, value in state.items()}


@pytest.mark.parametrize(
    "form",
    [
        lambda state: state,
        without_counters,
        lambda state: {"start_epoch": 300, "model": state, "optimizer": {"lr": 0.1}},
        lambda state: {"epoch": 24, "network": prefixed("module.", state)},
        lambda state: {"state_dict": prefixed("module.", without_counters(state)), "meta": {}},
        lambda state: {"model": {"state_dict": state}},
    ],
    ids=["plain", "no counters", "model", "network, module.", "state_dict, module.", "nested"],
)
def test_the_forms_of_training_loops(
    form: Callable[[State], Any], nano: YOLOX, tmp_path: Path
) -> None:
    loaded, variant = load_yolox(saved(form(nano.state_dict()), tmp_path))
    assert variant == "nano"
    assert not loaded.training
    found = loaded.state_dict()
    for name, value in without_counters(nano.state_dict()).items():
        assert torch.equal(found[name], value), name


def test_the_old_file_format_of_torch(nano: YOLOX, tmp_path: Path) -> None:
    path = tmp_path / "old.pth"
    torch.save(nano.state_dict(), path, _use_new_zipfile_serialization=False)
    loaded, _ = load_yolox(path)
    assert torch.equal(loaded.head.cls_preds[0].weight, nano.head.cls_preds[0].weight)


@pytest.mark.parametrize("head", ["keypoint_head.", "head."])
def test_mmpose_names(head: str, hrnet: HRNet, tmp_path: Path) -> None:
    renamed = {
        (head if name.startswith("final_layer") else "backbone.") + name: value
        for name, value in hrnet.state_dict().items()
    }
    loaded = load_hrnet(saved({"meta": {"epoch": 210}, "state_dict": renamed}, tmp_path))
    found = loaded.state_dict()
    for name, value in hrnet.state_dict().items():
        assert torch.equal(found[name], value), name


def test_3dmppe_and_its_number_of_joints(tmp_path: Path) -> None:
    pose, root = PoseNet(21), RootNet()
    official = {"epoch": 24, "network": prefixed("module.", pose.state_dict()), "optimizer": {}}
    loaded = load_posenet(saved(official, tmp_path))
    assert loaded.head.final_layer.out_channels == 21 * 64
    assert torch.equal(loaded.backbone.conv1.weight, pose.backbone.conv1.weight)
    official = {"epoch": 19, "network": prefixed("module.", without_counters(root.state_dict()))}
    again = load_rootnet(saved(official, tmp_path))
    assert torch.equal(again.root.depth_layer.weight, root.root.depth_layer.weight)
    with pytest.raises(SetupError, match=r"PoseNet: head.final_layer.weight is missing among 284"):
        load_posenet(tmp_path / "checkpoint.pth")


def test_what_does_not_fit_is_named(nano: YOLOX, tmp_path: Path) -> None:
    state = nano.state_dict()
    del state["backbone.C3_p4.conv1.conv.weight"]
    state["head.extra.weight"] = torch.zeros(1)
    state["head.obj_preds.1.weight"] = torch.zeros(2, 64, 1, 1)
    with pytest.raises(SetupError) as raised:
        load_yolox(saved(state, tmp_path))
    message = raised.value.message
    assert "1 missing (backbone.C3_p4.conv1.conv.weight)" in message
    assert "1 unexpected (head.extra.weight)" in message
    assert "1 of another shape (head.obj_preds.1.weight is 2x64x1x1, not 1x64x1x1)" in message


def test_a_long_list_is_cut_and_counted(hrnet: HRNet, tmp_path: Path) -> None:
    half = dict(list(hrnet.state_dict().items())[800:])
    with pytest.raises(SetupError, match=r"\d{3} missing \(conv1\.weight, .*, \.\.\.\)") as raised:
        load_hrnet(saved(half, tmp_path))
    assert len(raised.value.message) < 400


def test_the_wrong_network_or_variant(nano: YOLOX, hrnet: HRNet, tmp_path: Path) -> None:
    path = saved(nano.state_dict(), tmp_path)
    with pytest.raises(SetupError, match=r"HRNet: final_layer\.weight is missing"):
        load_hrnet(path)
    with pytest.raises(SetupError, match=r"of another shape .*stem\.conv\.conv\.weight is 16x12"):
        load_yolox(path, "tiny")
    with pytest.raises(InvalidInput, match="variant: must be one of nano, tiny, s, m, l, x"):
        load_yolox(path, "huge")
    stem = "backbone.backbone.stem.conv.conv.weight"
    path = saved({**nano.state_dict(), stem: torch.zeros(10, 12, 3, 3)}, tmp_path)
    with pytest.raises(SetupError, match="stem has 10 channels is none of nano"):
        load_yolox(path)


class Malicious:
    """Unpickled, it creates a file."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self.victim),)


@pytest.mark.parametrize(
    ("by_torch", "message"),
    [
        (True, r"holds posix\.mkdir; only tensors are unpickled"),
        (False, "cannot be read safely; only tensors are unpickled"),
    ],
    ids=["torch.save", "pickle"],
)
def test_code_in_a_checkpoint_is_refused_and_not_run(
    by_torch: bool, message: str, nano: YOLOX, tmp_path: Path
) -> None:
    victim, path = tmp_path / "victim", tmp_path / "evil.pth"
    content = {"model": nano.state_dict(), "hook": Malicious(victim)}
    if by_torch:
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps({"hook": Malicious(victim)}))
    with pytest.raises(SetupError, match=message):
        load_yolox(path)
    assert not victim.exists()
    if not by_torch:
        pickle.loads(path.read_bytes())  # noqa: S301 - that it would have run
        assert victim.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a torch checkpoint|is damaged"),
        (b"PK\x03\x04 not really a zip", "is not a torch checkpoint"),
        (b"\x00" * 1000, "is not a torch checkpoint|is damaged"),
    ],
    ids=["empty", "broken zip", "zeros"],
)
def test_files_that_are_no_checkpoints(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "file.pth"
    path.write_bytes(content)
    with pytest.raises(SetupError, match=message):
        load_yolox(path)


def test_a_truncated_checkpoint(nano: YOLOX, tmp_path: Path) -> None:
    path = saved(nano.state_dict(), tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(SetupError, match="is not a torch checkpoint"):
        load_yolox(path)


def test_contents_that_are_no_named_tensors(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="holds no named tensors"):
        load_yolox(saved([torch.zeros(1)], tmp_path))
    with pytest.raises(SetupError, match=r"expected tensors.*2 entries are none \(epoch, lr\)"):
        load_yolox(saved({"epoch": 3, "lr": 0.1}, tmp_path))
    with pytest.raises(SetupError, match="cannot be read"):
        load_yolox(tmp_path / "nothing.pth")
