"""Left and right joints of legs or arms over time, and what their motion says about exchanges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from podium.types import Bool, Float64, Int64

_LONGEST_GAP_S = 0.2
"""Motion says nothing about sides across longer gaps."""

_FADES_S = 0.1
"""Motion says less and less across gaps, and nothing across gaps of this length: legs pass each
other in that time."""

_EXCHANGE = 0.24
"""Cost of beginning or ending an exchange, in body lengths, summed over the joints: less could be
gained from the noise of legs that pass each other."""

_FARTHEST = 0.3
"""Upper bound of a joint's jump, in body lengths: the jumps of a completely wrong pose tell little
about sides. At 24 frames/s a foot that keeps its side is up to 0.15 off a straight line."""

_ODD = 0.07
"""Mean distance of the joints from where the frames around have them, in body lengths, from which a
pose is wrong on either side."""

_BENDS = 30.0
"""Half of the acceleration of a sprinter's legs, in body lengths/s^2, which is no oddness."""

_ROUNDS = 8  # after which the search for odd poses ends


@dataclass(frozen=True, slots=True)
class Limbs:
    """Legs or arms on S frames, as P pairs of joints."""

    places: Float64  # (S, P, 2, 2) of left and right, in body lengths from their first pair
    weight: Float64  # (S, P)
    time_s: Float64  # (S,) ascending

    @staticmethod
    def of(points: Float64, size_px: float, time_s: Float64) -> Limbs:
        """Limbs of key points (S, P, 2, 3) of left and right; NaN is unseen."""
        middle = points[:, :1, :, :2].mean(axis=2, keepdims=True)
        places = np.nan_to_num((points[..., :2] - middle) / size_px)
        # For two joints at the same place neither order is a jump; an unseen joint tells nothing.
        weight = np.nan_to_num(np.clip(points[..., 2], 0, 1).min(axis=2))
        return Limbs(places, weight, time_s)

    def rows(self, kept: Bool | Int64) -> Limbs:
        """Only the given frames."""
        return Limbs(self.places[kept], self.weight[kept], self.time_s[kept])

    def exchanged(self, which: Bool) -> Float64:
        """The places, with left and right exchanged on some frames (S,)."""
        return np.where(which[:, None, None, None], self.places[:, :, ::-1], self.places)

    def jumps(self) -> Float64:
        """Jumps (S, 2, 2, 2) in body lengths from straight motion, with the cost of exchanges.

        The axes are whether left and right are exchanged two frames before, on the frame before,
        and on the frame itself.
        """
        count = len(self.places)
        jumps = np.zeros((count, 2, 2, 2))
        either = np.stack([self.places, self.places[:, :, ::-1]], axis=1)  # (S, 2 states, P, 2, 2)
        elapsed = np.diff(self.time_s)
        together = np.append(False, elapsed <= _LONGEST_GAP_S)
        gap_s = np.append(0, elapsed - np.median(elapsed))
        certain = together * np.clip(1 - gap_s / _FADES_S, 0, 1)
        ratio = (elapsed[1:] / elapsed[:-1] * together[1:-1])[:, None, None, None]
        least = np.zeros_like(self.weight)
        least[1:] = np.minimum(self.weight[1:], self.weight[:-1])
        for two, one, now in product(range(2), repeat=3):
            ahead = np.zeros_like(self.places)
            ahead[1] = either[0, one]
            ahead[2:] = either[1:-1, one] + (either[1:-1, one] - either[:-2, two]) * ratio
            off = np.linalg.norm(either[:, now] - ahead, axis=-1)
            off = np.minimum(off, _FARTHEST).sum(axis=-1)  # (S, P)
            jumps[:, two, one, now] = (off * least).sum(axis=1) * certain
            jumps[:, two, one, now] += _EXCHANGE * (one != now) * together
        return jumps

    def oddness(self) -> Float64:
        """Distance (S,) of each pose, or of its exchange if that is less, from the frames around.

        It is less what motion on a bend explains, and 0 where no pose is close before or after.
        """
        odd = np.zeros(len(self.places))
        if len(odd) < 3 or not self.places.shape[1]:
            return odd
        before, now, after = self.places[:-2], self.places[1:-1], self.places[2:]
        since_s, until_s = np.diff(self.time_s)[:-1], np.diff(self.time_s)[1:]
        share = (since_s / (since_s + until_s))[:, None, None, None]
        turned = _apart(before, after[:, :, ::-1]) < _apart(before, after)
        after = np.where(turned[:, None, None, None], after[:, :, ::-1], after)
        between = (1 - share) * before + share * after
        off = np.minimum(_apart(now, between), _apart(now[:, :, ::-1], between))
        is_close = since_s + until_s <= _LONGEST_GAP_S
        odd[1:-1] = np.where(is_close, np.maximum(off - _BENDS * since_s * until_s, 0), 0)
        return odd

    def nearest_sides(self, sure: Bool, exchanged: Bool) -> Bool:
        """Whether to exchange left and right on each frame (S,), when that of some is known.

        Args:
            sure: (S,) frames on which it is known.
            exchanged: (K,) whether these are exchanged.
        """
        all_of_them = np.zeros(len(sure), np.bool_)
        all_of_them[sure] = exchanged
        known, time_s = self.exchanged(all_of_them)[sure], self.time_s[sure]
        for row in np.flatnonzero(~sure).tolist():
            after = int(np.clip(np.searchsorted(time_s, self.time_s[row]), 1, len(time_s) - 1))
            start_s, end_s = time_s[after - 1 : after + 1]
            if min(abs(self.time_s[row] - at_s) for at_s in (start_s, end_s)) > _LONGEST_GAP_S:
                continue
            share = np.clip((self.time_s[row] - start_s) / (end_s - start_s), 0, 1)
            between = (1 - share) * known[after - 1] + share * known[after]
            pose = self.places[row]
            as_said, turned = (
                float(np.linalg.norm(p - between, axis=-1).sum()) for p in (pose, pose[:, ::-1])
            )
            all_of_them[row] = turned < as_said - _EXCHANGE
        return all_of_them


def plausible(limbs: Sequence[Limbs]) -> Bool:
    """Frames (S,) whose poses lie between those around, as they are or exchanged.

    The others show a bit of both sides, or somebody else's legs. The oddest of neighbours goes
    first, since it makes them odd.
    """
    kept = np.arange(len(limbs[0].places))
    for _ in range(_ROUNDS):
        off = np.max([limb.rows(kept).oddness() for limb in limbs], axis=0)
        around = np.maximum(np.append(0, off[:-1]), np.append(off[1:], 0))
        odd = (off > _ODD) & (off >= around)
        if not odd.any():
            break
        kept = kept[~odd]
    return np.isin(np.arange(len(limbs[0].places)), kept)


def _apart(a: Float64, b: Float64) -> Float64:
    """Mean distance (S,) of joints (S, P, 2, 2)."""
    return np.asarray(np.linalg.norm(a - b, axis=-1).mean(axis=(1, 2)))
