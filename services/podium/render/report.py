"""The report: one HTML file that needs nothing beside itself."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Section:
    """A headed group of plots; ``wide`` ones take the full width."""

    title: str
    plots: Sequence[str]  # inline SVG
    wide: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class NumberRow:
    """One measure; without a value the reason is shown."""

    label: str
    value: str  # with unit
    sd: str
    n: str
    method: str
    reason: str


@dataclass(frozen=True, slots=True)
class RangeRow:
    """One series: its range over the frames."""

    label: str
    unit: str
    least: str
    mean: str
    greatest: str


@dataclass(frozen=True, slots=True)
class PersonReport:
    """What the report says of one person."""

    title: str
    tiles: Sequence[tuple[str, str]]  # label, value with unit
    numbers: Sequence[NumberRow]
    ranges: Sequence[RangeRow]
    sections: Sequence[Section]


@dataclass(frozen=True, slots=True)
class Report:
    """The contents of the report."""

    title: str
    facts: Sequence[tuple[str, str]]
    persons: Sequence[PersonReport]
    frames: Sequence[tuple[str, bytes]]  # caption, JPEG
    warnings: Sequence[str] = ()
    notes: Sequence[str] = ()
    files: Sequence[tuple[str, str]] = field(default=())  # name, what is in it


def render_report(report: Report, viewer: str = "") -> str:
    """The report as HTML; every text in it is escaped.

    Args:
        report: The contents; its plots come as they are.
        viewer: HTML of the viewer, which comes as it is; empty: none.
    """
    environment = Environment(
        loader=PackageLoader("podium.render", "."),
        autoescape=select_autoescape(["html", "j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["inline"] = Markup
    environment.filters["data_uri"] = _jpeg_uri
    return environment.get_template("report.html.j2").render(report=report, viewer=viewer)


def _jpeg_uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
