"""The zero-phase Butterworth filter.

``scipy.signal`` has it too, but its import takes 45 MB, and longer than the analysis of a short
clip.
"""

from __future__ import annotations

import numpy as np
import scipy

from podium.types import Float64

_LEAST_PADDING = 9  # as SciPy pads a filter of second order
_PADDED_PERIODS = 1.0


def butterworth(values: Float64, fps: float, *, cutoff_hz: float) -> Float64 | None:
    """Second order, forwards and backwards, so fourth order without delay.

    The ends are padded by their reflections through the first and the last value.

    Args:
        values: (T, C) without NaNs.
        fps: Samples per second.
        cutoff_hz: -3 dB point of each pass, below half of ``fps``.

    Returns:
        (T, C); None if the values are too short.
    """
    count = len(values)
    if count <= _LEAST_PADDING:
        return None
    # With a padding shorter than a period, velocities at the ends show the filter's transient.
    padding = min(max(_LEAST_PADDING, round(_PADDED_PERIODS * fps / cutoff_hz)), count - 1)
    padded = np.empty((count + 2 * padding, values.shape[1]), order="F")
    padded[:padding] = 2 * values[0] - values[padding:0:-1]
    padded[padding:-padding] = values
    padded[-padding:] = 2 * values[-1] - values[-2 : -padding - 2 : -1]
    coefficients = _coefficients(cutoff_hz / fps)
    forwards = _one_pass(padded, *coefficients)
    backwards = _one_pass(np.asfortranarray(forwards[::-1]), *coefficients)
    return np.ascontiguousarray(backwards[::-1][padding:-padding])


def _coefficients(cutoff: float) -> tuple[Float64, Float64]:
    """Of x and of y, by the bilinear transform; ``cutoff`` is a fraction of the rate."""
    warped = np.tan(np.pi * cutoff)
    scale = 1 + np.sqrt(2) * warped + warped**2
    of_x = np.array([1.0, 2.0, 1.0]) * warped**2 / scale
    of_y = np.array([scale, 2 * (warped**2 - 1), 1 - np.sqrt(2) * warped + warped**2]) / scale
    return of_x, of_y


def _one_pass(x: Float64, of_x: Float64, of_y: Float64) -> Float64:
    """The recursion as a triangular band of equations; before the start x was as at the start."""
    y = of_x[0] * x
    y[1:] += of_x[1] * x[:-1]
    y[2:] += of_x[2] * x[:-2]
    second = of_x[2] - of_y[2]
    y[0] += (of_x[1] - of_y[1] + second) * x[0]
    y[1] += second * x[0]
    band = np.broadcast_to(of_y[:, None], (len(of_y), len(x)))
    solved, _ = scipy.linalg.lapack.dtbtrs(band, y, uplo="L", overwrite_b=True)
    return np.asarray(solved)
