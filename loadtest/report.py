"""The report of a run as Markdown, as one HTML file with plots, and as JSON."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import jinja2
import orjson
from markdown_it import MarkdownIt

from loadtest.capacity import Prices
from loadtest.figures import Figures, figures_of
from loadtest.plots import write_plots
from loadtest.run import FIGURES, Run

TEMPLATES = Path(__file__).parent / "templates"
PLOTS = "plots"

_MARKUP = re.compile(r"([\\`*_{}\[\]<>!|~&])")


def write_report(run: Run, prices: Prices, folder: Path) -> Figures:
    """Write ``report.md``, ``report.html``, ``figures.json`` and the plots into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = figures_of(run, prices)
    plots = write_plots(run, figures, folder / PLOTS)
    text = markdown(figures, prices, plots)
    (folder / "report.md").write_text(text, encoding="utf-8")
    (folder / "report.html").write_text(html(text, figures, folder), encoding="utf-8")
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY
    (folder / FIGURES).write_bytes(orjson.dumps(figures, option=options))
    return figures


def markdown(figures: Figures, prices: Prices, plots: dict[str, str]) -> str:
    """The report as Markdown; ``plots`` are the files beside it."""
    return _template("report.md.j2").render(f=figures, prices=prices, plots=plots, folder=PLOTS)


def html(text: str, figures: Figures, folder: Path) -> str:
    """The report as one HTML file."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(text)
    for token in tokens:
        for child in token.children or ():
            if child.type == "image":
                picture = (folder / str(child.attrs["src"])).read_bytes()
                child.attrs["src"] = (
                    f"data:image/svg+xml;base64,{base64.b64encode(picture).decode()}"
                )
    body = parser.renderer.render(tokens, parser.options, {})
    return _template("report.html.j2").render(title=f"Load test: {figures.profile}", body=body)


def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=jinja2.select_autoescape(("html.j2",)),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"number": _number, "percent": _percent, "cell": _cell}
    return environment.get_template(name)


def _number(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _percent(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{100 * value:.{digits}f} %"


def _cell(value: Any) -> str:
    """Escape foreign text for tables, Markdown and HTML."""
    return _MARKUP.sub(r"\\\1", str(value).replace("\n", " "))
