"""Imports Matplotlib, which only the plots of benchmarks need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podium.errors import SetupError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure_class() -> type[Figure]:
    """Matplotlib's ``Figure``. Raises SetupError, with the remedy, if it is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise SetupError("plots need matplotlib: pip install 'podium[lab]'") from None
    return Figure
