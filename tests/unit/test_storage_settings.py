"""Folders in settings, whatever their names are made of."""

from __future__ import annotations

import os
from pathlib import Path

from podium.local.settings import settings_of
from podium.local.stack import Stack
from podium.storage.settings import ObjectStoreSettings


def test_folders_are_paths_or_addresses():
    settings = ObjectStoreSettings(read_roots="/data,file:///mnt/a%2Cb%20%E9,/x")
    assert settings.read_roots == (Path("/data"), Path(os.fsdecode(b"/mnt/a,b \xe9")), Path("/x"))


def test_a_stack_names_any_folder(tmp_path, monkeypatch):
    roots = [tmp_path / os.fsdecode(name) for name in (b"100m, heat 2.mp4", b"\xe9", b"a%2Cb#?")]
    stack = Stack(models=tmp_path, read_roots=roots, write_roots=roots[:1])
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    assert settings_of("decode")().objects.read_roots == tuple(roots)
    assert settings_of("postprocess")().objects.write_roots == tuple(roots[:1])
