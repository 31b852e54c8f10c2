"""The report: one self-contained HTML file."""

from __future__ import annotations

import base64
import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, select_autoescape
from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Section:
    """A group of plots with a heading.

    ``wide``: the plots take the full width. ``on_paper``: they are on the athlete's printed page.
    """

    title: str
    plots: Sequence[str]  # inline SVG
    wide: bool = False
    on_paper: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class NumberRow:
    """One measure; if it has no value, the reason is shown."""

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
    """The part of the report about one person."""

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


def render_report(report: Report, viewer: Iterable[str] = ()) -> Iterator[str]:
    """The report as HTML, piece by piece, because that of a long clip is large; texts are escaped.

    Args:
        report: The contents; its plots are inserted unchanged.
        viewer: HTML of the viewer in pieces, inserted unchanged; none: no viewer.
    """
    return _template().generate(report=report, viewer=viewer)


@functools.cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("podium.render", "."),
        autoescape=select_autoescape(["html", "j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["inline"] = Markup
    environment.filters["data_uri"] = _jpeg_uri
    return environment.get_template("report.html.j2")


def _jpeg_uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
