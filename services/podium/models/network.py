"""Feeds Podium's images to a network, in the format that it needs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from podium.engines.session import Session
from podium.errors import SetupError
from podium.models.manifest import InputSize, Manifest
from podium.types import Float32, UInt8
from podium.wire import TensorSpec

_FLOATS = {"FP32": np.float32, "FP16": np.float16}


class Network:
    """A session with one image input of any name: uint8 NHWC, or float NCHW.

    Exports differ in the names of tensors, in the order of colours and in whether they normalise;
    the manifest describes them.

    Args:
        manifest: Size, colours, layout and normalisation of the input.
        session: The loaded weights.

    Raises:
        SetupError: the input of the weights differs from the manifest.
    """

    def __init__(self, manifest: Manifest, session: Session) -> None:
        self._size = manifest.input
        self._session = session
        self._is_plain = (manifest.input.mean, manifest.input.std) == ((0, 0, 0), (1, 1, 1))
        self._mean, self._std = (
            np.array(values, np.float32)[:, None, None]
            for values in (manifest.input.mean, manifest.input.std)
        )
        self._input = _picture_input(session, manifest.input)

    def output(self, shape: tuple[int, ...], name: str | None = None) -> TensorSpec:
        """Find an output.

        Args:
            shape: Its sizes; -1: any size.
            name: Its name; None: the only output, with any name.

        Raises:
            SetupError: no output fits.
        """
        found = [spec for spec in self._session.outputs if name in (None, spec.name)]
        if len(found) == 1 and _fits(found[0].shape, shape):
            return found[0]
        has = ", ".join(f"{s.name}{list(s.shape)}" for s in self._session.outputs)
        raise SetupError(
            f"the weights do not fit the family: {name or 'the one output'} must be "
            f"{list(shape)} (-1: any), they have {has}"
        )

    def has_output(self, name: str) -> bool:
        """Whether there is an output of that name."""
        return any(spec.name == name for spec in self._session.outputs)

    def __call__(self, images: UInt8) -> dict[str, NDArray[Any]]:
        """Run images (N, H, W, 3) in RGB; returns outputs by name, floats as float32."""
        outputs = self._session.run({self._input.name: self._prepared(images)})
        return {
            name: array.astype(np.float32, copy=False) if array.dtype.kind == "f" else array
            for name, array in outputs.items()
        }

    def _prepared(self, images: UInt8) -> NDArray[Any]:
        pixels = images if self._size.color == "rgb" else images[..., ::-1]
        if self._size.layout == "nhwc":
            return pixels
        # Without OpenCV, which the container images of model services lack.
        planes: Float32 = pixels.transpose(0, 3, 1, 2).astype(np.float32, order="C")
        if not self._is_plain:
            planes -= self._mean
            planes /= self._std
        return planes.astype(_FLOATS[self._input.datatype], copy=False)


def _picture_input(session: Session, size: InputSize) -> TensorSpec:
    planar = size.layout == "nchw"
    kinds = tuple(_FLOATS) if planar else ("UINT8",)
    area = (size.height, size.width)
    shape = (-1, 3, *area) if planar else (-1, *area, 3)
    found = session.inputs
    if len(found) == 1 and found[0].datatype in kinds and _fits(found[0].shape, shape):
        return found[0]
    has = ", ".join(f"{s.name} {s.datatype}{list(s.shape)}" for s in found)
    raise SetupError(
        f"the weights do not fit the manifest: with layout {size.layout} their one input must be "
        f"{' or '.join(kinds)}{list(shape)}, they have {has}"
    )


def _fits(found: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether sizes agree; a variable size (-1) agrees with any."""
    return len(found) == len(wanted) and all(
        -1 in (a, b) or a == b for a, b in zip(found, wanted, strict=True)
    )
