"""How the camera moved over a clip, from the place of the background on some frames.

A pixel (u, v) is the complex number u + iv. Then a similarity is z -> turn z + shift with complex
numbers too, and similarities are joined by multiplying and adding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from podium.types import Float64

Complex = NDArray[np.complex128]

MOVES = 0.02
"""Of the picture's diagonal. What a camera that stands seems to move is below a twentieth of it."""

STANDS = 0.001
"""Of the diagonal: less is the error of finding it, not a motion to take out."""

LONGEST_GAP_S = 0.5
"""Between two frames with a known place; nobody knows what the camera did in a longer gap."""

FARTHEST = 0.5
"""Of the diagonal: about 37 degrees to either side with the lens of a phone. Farther from the
middle of the way a shift of the picture is too different from a turn of the camera."""


@dataclass(frozen=True, slots=True)
class Background:
    """The place of the background in one batch of frames, K of them."""

    time_s: Float64  # (K,) ascending
    turn: Complex  # (K,) to the first of these frames
    shift: Complex  # (K,)


@dataclass(frozen=True, slots=True)
class CameraMotion:
    """The path of a camera, relative to the middle of its way."""

    time_s: Float64  # (K,) frames with a known place
    turn: Complex  # (K,) pixels of the frame -> pixels of the middle of the way
    shift: Complex  # (K,)
    size: tuple[int, int]  # width and height of the frames

    @property
    def moves(self) -> bool:
        """Whether any corner of the picture moves noticeably."""
        return self._farthest(self._corners()) > MOVES

    @property
    def can_be_removed(self) -> bool:
        """Whether there is a path, known without gaps, and short enough."""
        gaps = np.diff(self.time_s)
        return bool(
            len(gaps)
            and gaps.max() <= LONGEST_GAP_S
            and self._farthest(self._corners()) > STANDS
            and self._farthest(self._corners()[:1]) <= 2 * FARTHEST
        )

    def _corners(self) -> Complex:
        """The middle of the picture and its corners, (5,)."""
        width, height = self.size
        return np.array([width / 2 + 0.5j * height, 0, width, 1j * height, width + 1j * height])

    def _farthest(self, points: Complex) -> float:
        """The longest way that one of these points is moved, in diagonals."""
        places = self.turn[:, None] * points + self.shift[:, None]
        ways = np.hypot(np.ptp(places.real, axis=0), np.ptp(places.imag, axis=0))
        return float(ways.max() / np.hypot(*self.size))

    def removed(self, pixels: Float64, time_s: Float64) -> Float64:
        """Points (T, ..., 2) as a camera in the middle of the way would see them."""
        log = _log(self.turn)
        middle = self._corners()[0]
        place = self.turn * middle + self.shift
        turn = np.exp(_going_on(time_s, self.time_s, log))
        shift = _going_on(time_s, self.time_s, place) - turn * middle
        many = (-1, *(1 for _ in pixels.shape[2:]))
        moved = turn.reshape(many) * (pixels[..., 0] + 1j * pixels[..., 1]) + shift.reshape(many)
        return np.stack([moved.real, moved.imag], axis=-1)


def camera_motion(batches: Sequence[Background], size: tuple[int, int]) -> CameraMotion | None:
    """Join the backgrounds of batches in order; None if fewer than two frames have one.

    A batch whose first frame is in the batch before it goes on from there. Else the camera is taken
    to move on from batch to batch as it moves at their ends.
    """
    known = [batch for batch in batches if len(batch.time_s)]
    if sum(len(batch.time_s) for batch in known) < 2:
        return None
    middle = size[0] / 2 + 0.5j * size[1]
    count = sum(len(batch.time_s) for batch in known)
    time_s, turn, shift = np.zeros(count), np.zeros(count, complex), np.zeros(count, complex)
    stop = 0
    for batch in known:
        new, moved = np.ones(len(batch.time_s), bool), batch
        if stop:
            # Of the way so far it takes no more than the frames around the first one, and the end.
            after = int(np.searchsorted(time_s[:stop], batch.time_s[0]))
            near = np.unique(np.clip([after - 1, after, stop - 2, stop - 1], 0, stop - 1))
            on, to = _joined(Background(time_s[near], turn[near], shift[near]), batch, middle)
            moved = replace(batch, turn=on * batch.turn, shift=on * (batch.shift - middle) + to)
            new = batch.time_s > time_s[stop - 1]
        rows = slice(stop, stop + int(np.count_nonzero(new)))
        time_s[rows] = batch.time_s[new]
        turn[rows], shift[rows] = moved.turn[new], moved.shift[new]
        stop = rows.stop
    time_s, turn, shift = time_s[:stop], turn[:stop], shift[:stop]
    place = turn * middle + shift
    centre = np.median(place.real) + 1j * np.median(place.imag)
    row = int(np.argmin(np.abs(place - centre)))
    return CameraMotion(time_s, turn / turn[row], (shift - shift[row]) / turn[row], size)


def _joined(before: Background, after: Background, middle: complex) -> tuple[complex, complex]:
    """Turn and place of the middle of the picture at the first frame of a later batch."""
    log, place = _log(before.turn), before.turn * middle + before.shift
    at_s = after.time_s[:1]
    gap_s = max(float(at_s[0] - before.time_s[-1]), 0.0)
    own_log, own_place = _log(after.turn), after.turn * middle + after.shift
    log_rate = _rate(before.time_s, log, -1) + _rate(after.time_s, own_log, 0)
    on = complex(np.exp(_between(at_s, before.time_s, log)[0] + gap_s * log_rate / 2))
    place_rate = _rate(before.time_s, place, -1) + on * _rate(after.time_s, own_place, 0)
    return on, complex(_between(at_s, before.time_s, place)[0] + gap_s * place_rate / 2)


def _log(turn: Complex) -> Complex:
    """Logarithm of the zoom, and the angle without jumps as imaginary part."""
    return np.asarray(np.log(np.abs(turn)) + 1j * np.unwrap(np.angle(turn)))


def _between(at_s: Float64, time_s: Float64, values: Complex) -> Complex:
    real, imaginary = (np.interp(at_s, time_s, part) for part in (values.real, values.imag))
    return np.asarray(real + 1j * imaginary)


def _going_on(at_s: Float64, time_s: Float64, values: Complex) -> Complex:
    """As ``_between``; before the first and after the last time they go on as they change there."""
    early = np.clip(at_s - time_s[0], -LONGEST_GAP_S, 0)
    late = np.clip(at_s - time_s[-1], 0, LONGEST_GAP_S)
    beyond = early * _rate(time_s, values, 0) + late * _rate(time_s, values, -1)
    return np.asarray(_between(at_s, time_s, values) + beyond)


def _rate(time_s: Float64, values: Complex, end: int) -> complex:
    """Change per second at the start (0) or the end (-1)."""
    if len(time_s) < 2:
        return 0j
    rows = (0, 1) if end == 0 else (-2, -1)
    return complex((values[rows[1]] - values[rows[0]]) / (time_s[rows[1]] - time_s[rows[0]]))
