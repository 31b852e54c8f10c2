"""The checks of ``podium doctor``; each gives findings with remedies."""

from __future__ import annotations

import importlib.metadata
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import podium
from podium.engines.processors import available_cpus
from podium.errors import SetupError
from podium.local.stack import taken
from podium.models.published import PULL_COMMAND
from podium.models.repository import ModelRepository

State = Literal["ok", "info", "warn", "fail"]

_PACKAGES = {
    "aiohttp": "aiohttp",
    "av": "av",
    "cv2": "opencv-python-headless",
    "fastapi": "fastapi",
    "httptools": "httptools",
    "numpy": "numpy",
    "obstore": "obstore",
    "onnxruntime": "onnxruntime",
    "scipy": "scipy",
    "uvicorn": "uvicorn",
    "uvloop": "uvloop",
}
"""Module -> distribution, for everything that the six services need."""

_OPENCV = "4.11."
_MIN_MEMORY_GIB = 4
_MIN_CPUS = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check."""

    name: str
    state: State
    detail: str
    remedy: str = ""


def python() -> Iterator[Finding]:
    """The versions of Python and Podium."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", "ok", f"{version}, podium {podium.__version__}")


def packages() -> Iterator[Finding]:
    """Whether the libraries of the services can be imported."""
    found, missing = [], []
    for module, distribution in _PACKAGES.items():
        try:
            importlib.import_module(module)
        except ImportError as error:
            missing.append(f"{distribution} ({error})")
            continue
        found.append(f"{distribution} {_version(distribution)}")
    if missing:
        yield Finding("packages", "fail", f"missing: {', '.join(missing)}", "run `make setup`")
    else:
        yield Finding("packages", "ok", ", ".join(found))


def opencv() -> Iterator[Finding]:
    """Whether OpenCV has the version whose warps equal the reference."""
    import cv2

    if cv2.__version__.startswith(_OPENCV):
        yield Finding("opencv", "ok", cv2.__version__)
    else:
        yield Finding(
            "opencv",
            "fail",
            f"{cv2.__version__} rounds warps differently, which moves key points by pixels",
            "install opencv-python-headless 4.11: run `make setup`",
        )


def codecs() -> Iterator[Finding]:
    """Whether H.264 can be encoded and decoded."""
    import av
    import numpy as np

    try:
        file = io.BytesIO()
        with av.open(file, "w", format="mp4") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width = stream.height = 64
            stream.pix_fmt = "yuv420p"
            grey = np.full((64, 64, 3), 128, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
            container.mux(stream.encode())
        with av.open(io.BytesIO(file.getvalue()), "r") as made:
            frames = len(list(made.decode(video=0)))
    except (av.FFmpegError, ValueError) as error:
        yield Finding("codecs", "fail", f"H.264: {error}", "install the `av` wheel: `make setup`")
        return
    state: State = "ok" if frames == 1 else "fail"
    yield Finding("codecs", state, f"H.264 encodes (libx264) and decodes, PyAV {av.__version__}")


def models(repository: Path) -> Iterator[Finding]:
    """Whether there are models with undamaged weights."""
    try:
        stored = ModelRepository(repository).models()
        for model in stored:
            model.verified_weights()
    except SetupError as error:
        yield Finding("models", "fail", error.message, f"run `{PULL_COMMAND}`")
        return
    if stored:
        names = ", ".join(model.reference for model in stored)
        yield Finding("models", "ok", f"{names} in {repository}, verified")
    else:
        yield Finding("models", "fail", f"none in {repository}", f"run `{PULL_COMMAND}`")


def ports(wanted: dict[str, int]) -> Iterator[Finding]:
    """Whether the ports of ``podium up`` are free."""
    numbers = f"{min(wanted.values())}-{max(wanted.values())}"
    busy = taken(wanted)
    if not busy:
        yield Finding("ports", "ok", f"{numbers} are free")
        return
    names = ", ".join(f"{port} ({name})" for name, port in busy.items())
    yield Finding(
        "ports", "warn", f"taken: {names}", "stop what uses them, or use `podium up --port`"
    )


def gpu() -> Iterator[Finding]:
    """Whether networks can run on ``PODIUM_PROVIDER``."""
    try:
        from podium.engines.onnx_providers import NAMES, missing_library, require_provider
    except ImportError:
        return  # packages() reports it
    asked = os.environ.get("PODIUM_PROVIDER", "cpu")
    provider = next((known for known in NAMES if known == asked), None)
    if provider is None:
        detail = f"PODIUM_PROVIDER is {asked!r}"
        yield Finding("gpu", "fail", detail, f"it must be one of {', '.join(NAMES)}")
        return
    cards = _graphics_cards()
    if provider == "cpu" and not cards:
        yield Finding("gpu", "info", "no NVIDIA GPU: the networks run on the CPU")
        return
    wanted = "cuda" if provider == "cpu" else provider
    try:
        require_provider(wanted)
        problem = missing_library(wanted)
    except SetupError as error:
        problem = error.message
    names = ", ".join(cards)
    if problem:
        state: State = "warn" if provider == "cpu" else "fail"
        yield Finding("gpu", state, names or f"PODIUM_PROVIDER is {asked}", problem)
    elif provider == "cpu":
        yield Finding("gpu", "info", f"{names}, which PODIUM_PROVIDER=cuda would use")
    else:
        yield Finding("gpu", "ok", f"{names}, used through {provider}")


def folders() -> Iterator[Finding]:
    """Whether results and temporary files can be written."""
    for name, folder in (("results folder", Path.cwd()), ("temporary files", _temporary())):
        free_gib = shutil.disk_usage(folder).free / 2**30
        detail = f"{folder}, {free_gib:.1f} GiB free"
        if not os.access(folder, os.W_OK):
            yield Finding(
                name, "fail", f"{folder} cannot be written to", "change to another folder"
            )
        elif free_gib < 1:
            yield Finding(name, "warn", detail, "make room: long videos need more than 1 GiB")
        else:
            yield Finding(name, "ok", detail)


def machine() -> Iterator[Finding]:
    """Whether processors and memory are enough for six services."""
    cpus = available_cpus()
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    detail = f"{cpus} CPUs, {memory_gib:.1f} GiB memory"
    if cpus < _MIN_CPUS or memory_gib < _MIN_MEMORY_GIB:
        remedy = f"{_MIN_CPUS} CPUs and {_MIN_MEMORY_GIB} GiB are the least that is comfortable"
        yield Finding("machine", "warn", detail, remedy)
    else:
        yield Finding("machine", "ok", detail)


def _version(distribution: str) -> str:
    for name in (distribution, f"{distribution}-gpu"):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return "(version unknown)"


def _temporary() -> Path:
    return Path(tempfile.gettempdir())


def _graphics_cards() -> tuple[str, ...]:
    from podium.engines.cuda_driver import cuda_driver

    try:
        return cuda_driver().cards
    except SetupError:
        return ()
