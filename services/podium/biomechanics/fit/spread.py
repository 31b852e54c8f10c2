"""Variances of the fitted coordinates: the diagonal of the inverse of the banded matrix.

The matrix is block tridiagonal in pairs of frames. Only the diagonal of its inverse is computed, by
a forward elimination and a backward recursion (Takahashi, Fagan and Chin 1973).
"""

from __future__ import annotations

import numpy as np

from podium.types import Float64


def variances(band: Float64, width: int) -> Float64:
    """Variances (T, N) from the lower band (2 N + 1, T N) of a normal matrix with N = ``width``.

    NaN where the matrix is singular.
    """
    frames = band.shape[1] // width
    pairs = (frames + 1) // 2
    size = 2 * width
    padded = np.zeros((size + 1, pairs * size))
    padded[:, : band.shape[1]] = band
    padded[0, band.shape[1] :] = 1.0
    padded[0] += 1e-9
    blocks = padded.reshape(size + 1, pairs, size)
    diagonal = np.zeros((pairs, size, size))
    below = np.zeros((pairs, size, size))
    for column in range(size):
        diagonal[:, column:, column] = blocks[: size - column, :, column].T
        below[:, : column + 1, column] = blocks[size - column :, :, column].T
    upper = np.triu_indices(size, 1)
    diagonal[:, upper[0], upper[1]] = diagonal[:, upper[1], upper[0]]
    inverse = np.zeros_like(diagonal)
    inverse[0] = _inverse(diagonal[0])
    for i in range(1, pairs):
        reduced = diagonal[i] - below[i - 1] @ inverse[i - 1] @ below[i - 1].T
        inverse[i] = _inverse(reduced)
    full = inverse[-1]
    result = np.zeros((pairs, size))
    result[-1] = np.diag(full)
    for i in range(pairs - 2, -1, -1):
        gain = inverse[i] @ below[i].T
        full = inverse[i] + gain @ full @ gain.T
        result[i] = np.diag(full)
    return result.reshape(-1, width)[:frames]


def _inverse(block: Float64) -> Float64:
    try:
        return np.asarray(np.linalg.inv(block), np.float64)
    except np.linalg.LinAlgError:  # its numbers are at the ends of their range
        return np.full_like(block, np.nan)
