"""Plots as inline SVG: no files, no scripts, no addresses, the same bytes for the same numbers."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from podium.render.colours import SIDE_ON_WHITE, side_of
from podium.skeletons import Skeleton
from podium.types import Float64

MAX_POINTS = 2000
"""Longer curves are thinned out: a screen has no more columns."""

_style_lock = threading.Lock()  # matplotlib keeps its style in a global


@contextmanager
def _style() -> Iterator[None]:
    with (
        _style_lock,
        mpl.rc_context(
            {
                "svg.fonttype": "none",
                "svg.hashsalt": "podium",
                "font.family": "sans-serif",
                "font.size": 9,
                "axes.titlesize": 10,
                "axes.titleweight": "bold",
                "axes.titlelocation": "left",
                "axes.spines.top": False,
                "axes.spines.right": False,
                "axes.edgecolor": "#888888",
                "axes.grid": True,
                "grid.color": "#e4e4e4",
                "lines.linewidth": 1.6,
                "legend.frameon": False,
            }
        ),
    ):
        yield


def curves(
    title: str,
    unit: str,
    time_s: Float64,
    series: Mapping[str, Float64],
    *,
    from_zero: bool = False,
) -> str:
    """Curves over time; those named left and right are in the colours of the sides.

    Args:
        title: Above the axes.
        unit: Label of the vertical axis.
        time_s: (T,).
        series: Label -> (T,); NaN leaves a gap.
        from_zero: Whether the vertical axis starts at 0.
    """
    with _style():
        figure = Figure(figsize=(5.4, 2.3), layout="constrained")
        axes = figure.add_subplot(title=title, xlabel="time (s)", ylabel=unit)
        thin = slice(None, None, max(-(-len(time_s) // MAX_POINTS), 1))
        for label, values in series.items():
            side = side_of(f"{label}_")
            dashed = "--" if side == "right" else "-"
            axes.plot(
                time_s[thin], values[thin], dashed, color=SIDE_ON_WHITE[side], label=label,
                marker="o" if len(time_s) == 1 else None,
            )  # fmt: skip
        if from_zero:
            axes.set_ylim(0, 1.12 * max(axes.get_ylim()[1], 1e-3))
        if len(series) > 1:
            axes.legend(loc="upper right", ncols=2, borderaxespad=0, bbox_to_anchor=(1, 1.16))
        return _svg(figure, title)


def score_map(skeleton: Skeleton, time_s: Float64, scores: Float64) -> str:
    """Score of every key point (T, J) over time as a heat map."""
    with _style():
        rows = len(skeleton)
        figure = Figure(figsize=(10.9, 0.9 + 0.155 * rows), layout="constrained")
        axes = figure.add_subplot(xlabel="time (s)")
        thin = slice(None, None, max(-(-len(time_s) // 600), 1))
        image = axes.imshow(
            scores[thin].T, aspect="auto", interpolation="nearest", cmap="cividis", vmin=0, vmax=1,
            extent=(time_s[0], max(time_s[-1], time_s[0] + 1e-3), rows - 0.5, -0.5),
        )  # fmt: skip
        names = [joint.replace("_", " ") for joint in skeleton.joints]
        axes.set_yticks(range(rows), names, fontsize=7.5)
        axes.grid(visible=False)
        figure.colorbar(image, ax=axes, label="score", pad=0.01)
        return _svg(figure, "Key point scores over time")


def stick_sequence(skeleton: Skeleton, poses: Float64, labels: Sequence[str]) -> str:
    """Poses (K, J, 2), pixels, drawn side by side in the order of time."""
    with _style():
        figure = Figure(layout="constrained")
        axes = figure.add_subplot()
        pitch = 1.05 * float(
            np.nanmax(np.nanmax(poses, axis=1) - np.nanmin(poses, axis=1), axis=0)[0]
        )
        top, bottom = float(np.nanmin(poses[..., 1])), float(np.nanmax(poses[..., 1]))
        for k, (pose, label) in enumerate(zip(poses, labels, strict=True)):
            middle = (np.nanmin(pose[:, 0]) + np.nanmax(pose[:, 0])) / 2
            shifted = pose - [middle - k * pitch, 0]
            _sticks(axes, skeleton, shifted)
            axes.text(k * pitch, bottom + 0.06 * (bottom - top), label, ha="center", va="top",
                      fontsize=8, color="#555555")  # fmt: skip
        axes.set_aspect("equal")
        axes.set_axis_off()
        axes.set_xlim(-0.6 * pitch, (len(poses) - 0.4) * pitch)
        axes.set_ylim(bottom + 0.2 * (bottom - top), top - 0.04 * (bottom - top))
        figure.set_size_inches(10.9, 10.9 * 1.24 * (bottom - top) / (len(poses) * pitch))
        return _svg(figure, "Stick figures over time")


def stick_3d(skeleton: Skeleton, poses: Float64, labels: Sequence[str]) -> str:
    """Poses (K, J, 3), metres in camera axes, each seen from the camera, the side and above."""
    views = (("from the camera", 0, 1), ("from the side", 2, 1), ("from above", 0, 2))
    with _style():
        figure = Figure(figsize=(10.9, 2.45), layout="constrained")
        panels = figure.subplots(
            1, len(poses) * len(views), sharex=True, sharey=True, squeeze=False
        )
        for k, (pose, label) in enumerate(zip(poses, labels, strict=True)):
            for v, (view, across, down) in enumerate(views):
                axes = panels[0, k * len(views) + v]
                sign = -1.0 if view == "from above" else 1.0  # away from the camera is up
                _sticks(axes, skeleton, pose[:, [across, down]] * [1.0, sign])
                axes.set_title(f"{label}\n{view}", fontsize=8, fontweight="normal", loc="center")
                axes.set_aspect("equal")
                axes.tick_params(labelsize=7)
        reach = float(np.nanmax(np.abs(poses))) * 1.08
        panels[0, 0].set(xlim=(-reach, reach), ylim=(reach, -reach), ylabel="metres from the hips")
        return _svg(figure, "3D stick figures")


def _sticks(axes: Axes, skeleton: Skeleton, pose: Float64) -> None:
    for a, b in skeleton.edges:
        if np.isfinite(pose[[a, b]]).all():
            side = side_of(skeleton.joints[a], skeleton.joints[b])
            axes.plot(*pose[[a, b]].T, color=SIDE_ON_WHITE[side], solid_capstyle="round", lw=1.8)


def _svg(figure: Figure, description: str) -> str:
    """The bare ``<svg>`` element: without XML prolog, document type, metadata and namespaces."""
    buffer = io.StringIO()
    FigureCanvasSVG(figure)
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, count=1, flags=re.DOTALL)
    text = re.sub(r'\s+xmlns(:\w+)?="[^"]*"', "", text)
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(description)}"', 1).strip()
