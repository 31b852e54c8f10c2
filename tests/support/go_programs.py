"""Programs that tests build from published Go modules, once, and keep in a cache.

``PODIUM_CLUSTER_CACHE`` names the cache; ``~/.cache/podium/cluster`` unless set.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path


class NoGo(Exception):
    """There is no ``go`` command, and the programs have not been built before."""


def built_once(name: str, build: Callable[[Path], None]) -> Path:
    """The folder ``name`` of the cache; ``build`` fills it on the first call.

    Raises:
        NoGo: nothing can build them.
        subprocess.CalledProcessError: the build failed; the compiler has printed why.
    """
    default = Path.home() / ".cache" / "podium" / "cluster"
    cache = Path(os.environ.get("PODIUM_CLUSTER_CACHE") or default).absolute()
    folder = cache / name
    if not folder.is_dir() and shutil.which("go") is None:
        raise NoGo("the programs are not built, and there is no Go to build them with")
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another run may be building
        if not folder.is_dir():
            _build(folder, build)
    return folder


def _build(folder: Path, build: Callable[[Path], None]) -> None:
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    started = time.monotonic()
    print(f"Building {folder} (once) ...", flush=True)
    build(partial)
    partial.rename(folder)
    size_mb = sum(path.stat().st_size for path in folder.iterdir() if not path.is_symlink()) / 1e6
    print(f"Built in {time.monotonic() - started:.0f} s: {folder} ({size_mb:.0f} MB)", flush=True)


def module_folder(module: str) -> Path:
    """The folder of the files of ``path@version``, downloaded where they are not there yet."""
    described = go("mod", "download", "-json", module)
    return Path(json.loads(described)["Dir"])


def go(command: str, *arguments: str | Path, **environment: str) -> str:
    """Run a command of ``go``; its standard output.

    Raises:
        subprocess.CalledProcessError: it failed; it has printed why.
    """
    flags = f"{os.environ.get('GOFLAGS', '')} -trimpath"
    done = subprocess.run(
        ["go", command, *map(str, arguments)],
        env=os.environ | environment | {"GOFLAGS": flags.strip(), "CGO_ENABLED": "0"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout
