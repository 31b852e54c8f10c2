"""Greedy one-to-one matching by cost."""

from __future__ import annotations

import numpy as np

from podium.types import Float64


def match(cost: Float64, limit: float) -> list[tuple[int, int]]:
    """Pair rows with columns, cheapest pairs first, none above ``limit``.

    Greedy, not optimal: for a few persons far apart the result is the same, and a greedy match
    never breaks a certain pair to make two doubtful ones.

    Args:
        cost: (A, B) costs; NaN never matches.
        limit: Highest cost of a pair.

    Returns:
        (row, column) pairs, by ascending cost.
    """
    pairs: list[tuple[int, int]] = []
    rows, columns = set(range(cost.shape[0])), set(range(cost.shape[1]))
    for flat in np.argsort(cost, axis=None, kind="stable"):
        row, column = divmod(int(flat), cost.shape[1])
        if not cost[row, column] <= limit:
            break
        if row in rows and column in columns:
            rows.remove(row)
            columns.remove(column)
            pairs.append((row, column))
    return pairs
