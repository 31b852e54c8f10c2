"""Tests of the torch networks; where torch is not installed they are skipped as files."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

if find_spec("torch"):
    # Threads that spin while they wait make a busy machine ten times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    torch.set_num_threads(2)  # sums are rounded by the number of threads


class _NeedsTorch(pytest.Module):
    def collect(self) -> list[pytest.Item | pytest.Collector]:
        pytest.skip("torch is not installed here: make test-networks", allow_module_level=True)


def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> pytest.Module | None:
    return None if find_spec("torch") else _NeedsTorch.from_parent(parent, path=module_path)


@pytest.fixture(autouse=True)
def _the_same_weights_in_every_run() -> None:
    if find_spec("torch"):
        torch.manual_seed(0)
