"""Divides long clips into pieces, so that memory is bounded, without visible seams.

The shared unknowns are first estimated from a few pieces and then fixed. The pieces overlap by more
than the time over which frames influence each other, and are cross-faded in the overlap.
"""

from __future__ import annotations

import numpy as np

from podium.types import Float64

WHOLE = 900
"""Clips of up to this many frames are fitted in one piece."""
PIECE = 480
OVERLAP = 120
LEARNING = 4
"""Number of pieces from which the shared unknowns are estimated."""


def pieces(frames: int) -> list[slice]:
    """Overlapping slices of rows that cover a clip."""
    if frames <= WHOLE:
        return [slice(0, frames)]
    count = int(np.ceil((frames - OVERLAP) / (PIECE - OVERLAP)))
    starts = np.linspace(0, frames - PIECE, count).round().astype(int)
    return [slice(int(start), int(start) + PIECE) for start in starts]


def learning(parts: list[slice]) -> list[slice]:
    """The pieces from which to estimate the shared unknowns, spread over the clip."""
    chosen = np.linspace(0, len(parts) - 1, min(LEARNING, len(parts))).round().astype(int)
    return [parts[i] for i in np.unique(chosen)]


def fade(part: slice, frames: int) -> Float64:
    """Weights of a piece's rows: 0 at an edge that another piece covers, 1 in the middle."""
    row = np.arange(part.start, part.stop)
    rising = np.ones(len(row)) if part.start == 0 else (row - part.start + 0.5) / OVERLAP
    falling = np.ones(len(row)) if part.stop == frames else (part.stop - row - 0.5) / OVERLAP
    near = np.clip(np.minimum(rising, falling), 0.0, 1.0)
    return np.asarray(near**2 * (3 - 2 * near) + 1e-6)
