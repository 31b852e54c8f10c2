"""Plots as inline SVG: no files, scripts or links; equal numbers give equal bytes."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from podium.render import svg
from podium.render.colours import SIDE_ON_WHITE, side_of
from podium.skeletons import Skeleton
from podium.types import Float64, UInt8

MAX_POINTS = 2000
"""Longer curves are thinned out, as screens have no more columns."""

_HALF_PX, _WHOLE_PX = 520, 1050
_GREY_BGR = (200, 200, 200)  # for key points without a score


def curves(
    title: str,
    unit: str,
    time_s: Float64,
    series: Mapping[str, Float64],
    *,
    from_zero: bool = False,
) -> str:
    """Curves over time; those labelled left and right have the colours of the sides.

    Args:
        title: Title above the axes.
        unit: Label of the vertical axis.
        time_s: (T,) seconds.
        series: Label -> (T,); NaN leaves a gap.
        from_zero: Whether the vertical axis starts at 0.
    """
    thin = slice(None, None, max(-(-len(time_s) // MAX_POINTS), 1))
    low, high = svg.span_of(np.concatenate(list(series.values())))
    if from_zero:
        low, high = 0.0, 1.05 * max(high, 1e-3)
    across = svg.Axis(*svg.span_of(time_s, margin=0.02), 56, _HALF_PX - 10)
    up = svg.Axis(low, high, 180, 30)
    parts = [
        svg.text(8, 16, title, size=12.5, bold=True),
        svg.axes(across, up, x_label="time (s)", y_label=unit, x_ticks=8, y_ticks=6),
    ]
    legend_x = _HALF_PX - 10.0
    for label, values in reversed(list(series.items())):
        side = side_of(f"{label}_")
        colour, dashed = SIDE_ON_WHITE[side], side == "right"
        points = np.stack([across.of(time_s[thin]), up.of(values[thin])], axis=1)
        parts.append(svg.stroke(points, colour, dashed=dashed))
        if len(series) > 1:
            parts.append(svg.text(legend_x, 16, label, anchor="end"))
            legend_x -= 8.0 + 6.2 * len(label)
            sample = np.array([[legend_x - 24, 12.0], [legend_x, 12.0]])
            parts.append(svg.stroke(sample, colour, dashed=dashed))
            legend_x -= 36.0
    return svg.figure(_HALF_PX, 218, title, parts)


def bands(
    title: str, unit: str, percent: Float64, series: Mapping[str, tuple[Float64, Float64]]
) -> str:
    """Two curves over a cycle, each with a band; the first is solid, the second dashed.

    Args:
        title: Title above the axes.
        unit: Label of the vertical axis.
        percent: (N,) of the cycle.
        series: Label -> middle (N,) and half-width (N,) of the band.
    """
    reach = np.concatenate([middle + k * half for middle, half in series.values() for k in (-1, 1)])
    across, up = svg.Axis(0, 100, 56, _HALF_PX - 10), svg.Axis(*svg.span_of(reach), 180, 30)
    parts = [
        svg.text(8, 16, title, size=12.5, bold=True),
        svg.axes(across, up, x_label="cycle (%)", y_label=unit, x_ticks=10, y_ticks=6),
    ]
    x = across.of(percent)
    legend_x = _HALF_PX - 10.0
    looks = ((SIDE_ON_WHITE["left"], False), (SIDE_ON_WHITE["right"], True))
    for (label, (middle, half)), (colour, dashed) in zip(series.items(), looks, strict=True):
        edges = [np.stack([x, up.of(middle + k * half)], axis=1) for k in (1, -1)]
        parts.append(svg.area(np.concatenate([edges[0], edges[1][::-1]]), colour))
        parts.append(svg.stroke(np.stack([x, up.of(middle)], axis=1), colour, dashed=dashed))
        parts.append(svg.text(legend_x, 16, label, anchor="end"))
        sample = np.array([[legend_x - 40, 12.0], [legend_x - 16, 12.0]])
        parts.append(svg.stroke(sample, colour, dashed=dashed))
        legend_x -= 60.0
    return svg.figure(_HALF_PX, 218, title, parts)


def score_map(skeleton: Skeleton, time_s: Float64, scores: Float64) -> str:
    """Scores of all key points (T, J) over time as a heat map; missing ones are grey."""
    row_px, left, top = 12.0, 120.0, 6.0
    bottom = top + row_px * len(skeleton)
    thin = slice(None, None, max(-(-len(time_s) // 600), 1))
    across = svg.Axis(
        float(time_s[0]), max(float(time_s[-1]), float(time_s[0]) + 1e-3), left, _WHOLE_PX - 60.0
    )
    parts = [_image(_coloured(scores[thin].T), across.from_px, top, across.to_px, bottom)]
    for row, joint in enumerate(skeleton.joints):
        y = top + row_px * (row + 0.75)
        parts.append(svg.text(left - 6, y, joint.replace("_", " "), anchor="end", size=9.5))
    parts += [
        svg.text(across.at(value), bottom + 14, svg.number(value), anchor="middle")
        for value in across.ticks(12)
    ]
    parts.append(svg.text((left + across.to_px) / 2, bottom + 29, "time (s)", anchor="middle"))
    bar = _WHOLE_PX - 48.0
    ramp = np.linspace(1, 0, 64)[:, None]
    parts += [
        _image(_coloured(ramp), bar, top, bar + 12, bottom),
        svg.text(bar + 16, top + 9, "1"),
        svg.text(bar + 16, bottom, "0"),
        svg.text(bar + 28, (top + bottom) / 2, "score", anchor="middle", turn=True),
    ]
    return svg.figure(_WHOLE_PX, bottom + 36, "Key point scores over time", parts)


def stick_sequence(skeleton: Skeleton, poses: Float64, labels: Sequence[str]) -> str:
    """Poses (K, J, 2), pixels, drawn side by side in their order."""
    widths = np.nanmax(poses[..., 0], axis=1) - np.nanmin(poses[..., 0], axis=1)
    top, bottom = float(np.nanmin(poses[..., 1])), float(np.nanmax(poses[..., 1]))
    pitch_px = _WHOLE_PX / len(poses)
    scale = min(pitch_px / (1.05 * max(float(widths.max()), 1e-6)), 230 / max(bottom - top, 1e-6))
    parts = []
    for k, (pose, label) in enumerate(zip(poses, labels, strict=True)):
        centre = (np.nanmin(pose[:, 0]) + np.nanmax(pose[:, 0])) / 2
        at = (k + 0.5) * pitch_px
        parts += _sticks(skeleton, (pose - [centre, top]) * scale + [at, 8.0])
        parts.append(svg.text(at, 8 + (bottom - top) * scale + 18, label, anchor="middle"))
    height = 8 + (bottom - top) * scale + 24
    return svg.figure(_WHOLE_PX, height, "Stick figures over time", parts)


def stick_3d(skeleton: Skeleton, poses: Float64, labels: Sequence[str]) -> str:
    """Poses (K, J, 3), metres in camera axes, each drawn from the camera, the side and above."""
    views = (("from the camera", 0, 1), ("from the side", 2, 1), ("from above", 0, 2))
    reach = float(np.nanmax(np.abs(poses))) * 1.08
    left, gap, top = 50.0, 10.0, 38.0
    panels = len(poses) * len(views)
    side = (_WHOLE_PX - left) / panels - gap
    parts = [svg.text(12, top + side / 2, "metres from the hips", anchor="middle", turn=True)]
    for panel in range(panels):
        (view, across, down), pose = views[panel % len(views)], poses[panel // len(views)]
        sign = -1.0 if view == "from above" else 1.0  # up is away from the camera
        start = left + panel * (side + gap)
        x = svg.Axis(-reach, reach, start, start + side)
        y = svg.Axis(-reach, reach, top, top + side)
        for value in x.ticks(4):
            parts += [
                svg.line((x.at(value), top), (x.at(value), top + side)),
                svg.line((start, y.at(value)), (start + side, y.at(value))),
                svg.text(x.at(value), top + side + 13, svg.number(value), anchor="middle", size=9),
            ]
            if panel == 0:
                label_y = y.at(value) + 3
                parts.append(svg.text(start - 4, label_y, svg.number(-value), anchor="end", size=9))
        middle = start + side / 2
        parts.append(svg.text(middle, 14, labels[panel // len(views)], anchor="middle", size=10))
        parts.append(svg.text(middle, 27, view, anchor="middle", size=10))
        points = np.stack([x.of(pose[:, across]), y.of(pose[:, down] * sign)], axis=1)
        parts += _sticks(skeleton, points)
    return svg.figure(_WHOLE_PX, top + side + 22, "3D stick figures", parts)


def _sticks(skeleton: Skeleton, points: Float64) -> list[str]:
    """The bones between the known points of (J, 2) pixels."""
    places = points.tolist()
    known = np.asarray(np.isfinite(points).all(axis=1))
    return [
        svg.segment(
            places[a],
            places[b],
            SIDE_ON_WHITE[side_of(skeleton.joints[a], skeleton.joints[b])],
            width=1.8,
        )
        for a, b in skeleton.edges
        if known[a] and known[b]
    ]


def _coloured(values: Float64) -> UInt8:
    """Values 0-1 (H, W) as BGR pixels of the colour map cividis (Nunez et al. 2018)."""
    levels = np.nan_to_num(values * 255).clip(0, 255).astype(np.uint8)
    pixels = cv2.applyColorMap(levels, cv2.COLORMAP_CIVIDIS).astype(np.uint8)
    pixels[~np.isfinite(values)] = _GREY_BGR
    return pixels


def _image(pixels: UInt8, left: float, top: float, right: float, bottom: float) -> str:
    """Pixels as an image inside the SVG, scaled without smoothing."""
    _, png = cv2.imencode(".png", pixels)
    return (
        f'<image x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
        f'height="{bottom - top:.1f}" preserveAspectRatio="none" style="image-rendering:pixelated" '
        f'href="data:image/png;base64,{base64.b64encode(png.tobytes()).decode()}"/>'
    )
