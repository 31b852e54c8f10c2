"""A picture as video codecs store it: luma for every pixel, chroma for every 2 x 2 of them.

It takes half the bytes of RGB, and most of its pixels are never needed as RGB: crops convert only
the lines that they are cut out of, and overlays are drawn and encoded as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from podium.types import Float64, UInt8

UNKNOWN = 2
"""In ITU-T H.273: not specified."""

_WEIGHTS = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}
"""MatrixCoefficients (ITU-T H.273, 8.3) -> weights of red and blue in luma."""

_BT601 = (0.299, 0.114)
"""Also of unknown ones, as in FFmpeg."""

_CONVERTED = frozenset({0, 1, 4, 5, 6, 7, 9})


def matrix_of(code: int) -> int:
    """A code of MatrixCoefficients that FFmpeg converts; ``UNKNOWN`` for others, such as YCgCo."""
    return code if code in _CONVERTED else UNKNOWN


@dataclass(frozen=True, slots=True)
class Colours:
    """What the numbers of a video's pixels mean: code points of ITU-T H.273."""

    matrix: int = UNKNOWN
    primaries: int = UNKNOWN
    transfer: int = UNKNOWN
    is_full_range: bool = False  # 0 to 255; else luma 16 to 235, chroma 16 to 240

    def to_rgb(self) -> Float64:
        """The matrix (3, 4) from luma, Cb, Cr and 1 to red, green and blue, 0 to 255."""
        red, blue = _WEIGHTS.get(self.matrix, _BT601)
        green = 1 - red - blue
        luma, chroma, black = (1.0, 1.0, 0.0) if self.is_full_range else (255 / 219, 255 / 224, 16)
        from_blue, from_red = 2 * (1 - blue) * chroma, 2 * (1 - red) * chroma
        linear = np.array(
            [
                [luma, 0, from_red],
                [luma, -from_blue * blue / green, -from_red * red / green],
                [luma, from_blue, 0],
            ]
        )
        return np.column_stack([linear, -linear @ [black, 128, 128]])

    def of_rgb(self, rgb: tuple[int, int, int]) -> tuple[float, float, float]:
        """Luma, Cb and Cr of a colour."""
        return _of_rgb(self, rgb)


@lru_cache(256)
def _of_rgb(colours: Colours, rgb: tuple[int, int, int]) -> tuple[float, float, float]:
    matrix = colours.to_rgb()
    luma, blue, red = np.linalg.solve(matrix[:, :3], rgb - matrix[:, 3]).tolist()
    return luma, blue, red


@dataclass(frozen=True, slots=True, eq=False)
class Yuv:
    """A picture in 4:2:0 with 8 bits; width and height are even.

    Chroma lies in the middle of its four pixels.
    """

    planes: UInt8  # (H * 3 / 2, W): luma, then Cb, then Cr, without gaps (I420)
    colours: Colours

    @property
    def luma(self) -> UInt8:
        """(H, W), a view."""
        return self.planes[: len(self.planes) // 3 * 2]

    @property
    def chroma(self) -> UInt8:
        """(2, H / 2, W / 2) Cb and Cr, a view."""
        rows, width = self.planes.shape
        return self.planes[rows // 3 * 2 :].reshape(2, rows // 3, width // 2)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and 3, as of the picture in RGB."""
        rows, width = self.planes.shape
        return rows // 3 * 2, width, 3

    def lines(self, lines: slice) -> Yuv:
        """Some of its lines, a copy; the slice starts and stops at even lines."""
        luma = self.luma[lines]
        part = Yuv(np.empty((len(luma) // 2 * 3, luma.shape[1]), np.uint8), self.colours)
        part.luma[...] = luma
        part.chroma[...] = self.chroma[:, lines.start // 2 : lines.stop // 2]
        return part

    @property
    def nbytes(self) -> int:
        """Memory of the pixels."""
        return self.planes.nbytes


Picture = UInt8 | Yuv
"""(H, W, 3) RGB, or the same in 4:2:0."""
