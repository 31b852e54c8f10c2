"""Loads official checkpoint files into networks, strictly, and without running their code."""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from podium.errors import SetupError

Tensors = dict[str, Tensor]

_NESTING = ("network", "model", "state_dict")
"""Keys under which training programs store the weights, beside an optimizer and so on."""

_PARALLEL = "module."
"""Prefix that torch's data-parallel wrapper adds to every name."""

_COUNTER = "num_batches_tracked"
"""A tensor of batch normalisation that only training uses; old checkpoints lack it."""

_SHOWN = 4


def read_tensors(path: Path) -> Tensors:
    """Read the named tensors of a checkpoint.

    The weights may be the whole file or be under ``network``, ``model`` or ``state_dict``; the
    prefix ``module.`` is removed. Only tensors and plain containers are unpickled.

    Raises:
        SetupError: the file is unreadable, not a checkpoint, or would have to run code.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # torch refuses what it warns about
            content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise SetupError(f"{path}: cannot be read: {error.strerror or error}") from error
    except pickle.UnpicklingError as error:
        refused = re.search(r"GLOBAL (\S+)", str(error))
        what = (
            f"holds {refused[1]}" if refused else "is damaged, or holds what cannot be read safely"
        )
        raise SetupError(
            f"{path}: {what}; only tensors are unpickled, since anything else could run code. "
            "Where you trust the file, save its weights alone: "
            "torch.save(network.state_dict(), ...)"
        ) from error
    except Exception as error:  # errors of damaged files have no other common base
        reason = str(error).partition("\n")[0]
        raise SetupError(f"{path}: is not a torch checkpoint: {reason}") from error
    tensors = _unwrap(path, content)
    while tensors and all(name.startswith(_PARALLEL) for name in tensors):
        tensors = {name.removeprefix(_PARALLEL): value for name, value in tensors.items()}
    return tensors


def load_strictly(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Fill every tensor of a network from a checkpoint that has exactly these tensors.

    Args:
        network: The network to fill.
        tensors: Name in the network -> tensor; batch counters may be missing.
        path: Path of the checkpoint, for messages.

    Raises:
        SetupError: tensors are missing, unexpected or of another shape; the message names them.
    """
    wanted = network.state_dict()
    missing = [n for n in wanted if n not in tensors and not n.endswith(_COUNTER)]
    unexpected = [n for n in tensors if n not in wanted]
    misshaped = [
        f"{name} is {_shape(tensors[name])}, not {_shape(value)}"
        for name, value in wanted.items()
        if name in tensors and tensors[name].shape != value.shape
    ]
    problems = [
        f"{len(names)} {kind} ({_some(names)})"
        for kind, names in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape", misshaped),
        )
        if names
    ]
    if problems:
        raise SetupError(
            f"{path}: is no whole checkpoint of {type(network).__name__}; of its tensors "
            + ", ".join(problems)
        )
    network.load_state_dict(tensors, strict=False)  # at most batch counters are missing
    network.eval()


def require_tensor(tensors: Mapping[str, Tensor], name: str, network: str, path: Path) -> Tensor:
    """The tensor whose shape shows the variant of a network. Raises SetupError without it."""
    if name not in tensors:
        raise SetupError(
            f"{path}: is no checkpoint of {network}: {name} is missing among "
            f"{len(tensors)} tensors ({_some(tensors)})"
        )
    return tensors[name]


def _unwrap(path: Path, content: Any) -> Tensors:
    for key in _NESTING:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content:
        raise SetupError(f"{path}: holds no named tensors")
    if strange := [str(name) for name, value in content.items() if not isinstance(value, Tensor)]:
        raise SetupError(
            f"{path}: expected tensors, also under {', '.join(_NESTING)}; "
            f"{len(strange)} entries are none ({_some(strange)})"
        )
    return {str(name): value for name, value in content.items()}


def _some(names: Iterable[str]) -> str:
    every = list(names)
    return ", ".join(every[:_SHOWN]) + (", ..." if len(every) > _SHOWN else "")


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a scalar"
