"""Axes, ticks and shapes as SVG text.

Written by hand for speed: importing Matplotlib and drawing the nine figures of a report with it
takes 4 CPU-seconds, these shapes take 0.02. Text and grid have the colour of the surrounding page,
so that plots suit light and dark pages.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from podium.types import Bool, Float64

FONT_PX = 11


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear map from values to pixels."""

    low: float
    high: float
    from_px: float
    to_px: float

    def at(self, value: float) -> float:
        """The pixel of a value."""
        share = (value - self.low) / (self.high - self.low)
        return self.from_px + share * (self.to_px - self.from_px)

    def of(self, values: Float64) -> Float64:
        """The pixels of values."""
        share = (values - self.low) / (self.high - self.low)
        return self.from_px + share * (self.to_px - self.from_px)

    def ticks(self, most: int) -> list[float]:
        """At most ``most`` round values (1, 2 or 5 times a power of ten) inside the axis.

        Source: Heckbert, "Nice numbers for graph labels", Graphics Gems (1990).
        """
        least = (self.high - self.low) / most
        magnitude = 10.0 ** math.floor(math.log10(least))
        step = next(m * magnitude for m in (1, 2, 5, 10) if m * magnitude >= least * (1 - 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [n * step for n in range(first, last + 1)]


def span_of(values: Float64, *, margin: float = 0.05) -> tuple[float, float]:
    """The range of all finite values, with a margin; never empty."""
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    room = margin * (high - low) or max(abs(high), 1.0) * 0.5
    return low - room, high + room


def number(value: float) -> str:
    """A value as a label."""
    return f"{value + 0.0:g}" if abs(value) < 1e6 else f"{value:.0e}"  # + 0.0: never "-0"


def text(
    x: float, y: float, content: str, *, anchor: str = "start", size: float = FONT_PX,
    bold: bool = False, turn: bool = False,
) -> str:  # fmt: skip
    """A line of text; ``turn``: it runs upwards."""
    weight = ' font-weight="bold"' if bold else ""
    rotate = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turn else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size:g}"{weight}{rotate}'
        f' fill="currentColor">{escape(content)}</text>'
    )


def line(a: Sequence[float], b: Sequence[float], *, opacity: float = 0.15) -> str:
    """A thin line of the axes or the grid."""
    return (
        f'<path d="M{a[0]:.1f} {a[1]:.1f}L{b[0]:.1f} {b[1]:.1f}" stroke="currentColor" '
        f'stroke-opacity="{opacity:g}"/>'
    )


def stroke(points: Float64, colour: str, *, dashed: bool = False, width: float = 1.6) -> str:
    """A curve through points (N, 2) in pixels; NaN leaves a gap, a single point is a dot."""
    parts: list[str] = []
    finite = np.asarray(np.isfinite(points).all(axis=1))
    for run in _runs(finite):
        x_y = " ".join(f"{x:.1f} {y:.1f}" for x, y in points[run].tolist())
        parts.append(f"M{x_y}" if run.stop - run.start > 1 else f"M{x_y}h0.01")
    return _path("".join(parts), colour, dashed=dashed, width=width)


def segment(a: Sequence[float], b: Sequence[float], colour: str, *, width: float = 1.6) -> str:
    """A straight piece of a curve."""
    way = f"M{a[0]:.1f} {a[1]:.1f} {b[0]:.1f} {b[1]:.1f}"
    return _path(way, colour, dashed=False, width=width)


def _path(way: str, colour: str, *, dashed: bool, width: float) -> str:
    dash = ' stroke-dasharray="5 3"' if dashed else ""
    return (
        f'<path d="{way}" fill="none" stroke="{colour}" stroke-width="{width:g}" '
        f'stroke-linejoin="round" stroke-linecap="round"{dash}/>'
    )


def area(points: Float64, colour: str) -> str:
    """A faintly filled polygon with corners (N, 2) in pixels."""
    x_y = " ".join(f"{x:.1f} {y:.1f}" for x, y in points.tolist())
    return f'<path d="M{x_y}Z" fill="{colour}" fill-opacity="0.18"/>'


def axes(across: Axis, up: Axis, *, x_label: str, y_label: str, x_ticks: int, y_ticks: int) -> str:
    """Both axes with grid, ticks and labels."""
    left, right, bottom, top = across.from_px, across.to_px, up.from_px, up.to_px
    parts = []
    for value in across.ticks(x_ticks):
        x = across.at(value)
        parts += [line((x, bottom), (x, top)), text(x, bottom + 14, number(value), anchor="middle")]
    for value in up.ticks(y_ticks):
        y = up.at(value)
        parts += [line((left, y), (right, y)), text(left - 5, y + 4, number(value), anchor="end")]
    parts += [line((left, top), (left, bottom), opacity=0.6)]
    parts += [line((left, bottom), (right, bottom), opacity=0.6)]
    parts += [text((left + right) / 2, bottom + 29, x_label, anchor="middle")]
    parts += [text(left - 38, (top + bottom) / 2, y_label, anchor="middle", turn=True)]
    return "".join(parts)


def figure(width: float, height: float, description: str, parts: Iterable[str]) -> str:
    """The ``<svg>`` element; it scales with the page."""
    return (
        f'<svg role="img" aria-label="{escape(description)}" viewBox="0 0 {width:g} {height:.1f}" '
        f'width="{width:g}" height="{height:.0f}" font-family="system-ui, sans-serif">'
        f"{''.join(parts)}</svg>"
    )


def _runs(mask: Bool) -> list[slice]:
    """The runs of True in ``mask``."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [slice(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
